"""``torch.nn.init``: its functions as they were called before they had an underscore."""

from weft.nn.init import constant_ as constant
from weft.nn.init import dirac_ as dirac
from weft.nn.init import eye_ as eye
from weft.nn.init import kaiming_normal_ as kaiming_normal
from weft.nn.init import kaiming_uniform_ as kaiming_uniform
from weft.nn.init import normal_ as normal
from weft.nn.init import orthogonal_ as orthogonal
from weft.nn.init import sparse_ as sparse
from weft.nn.init import uniform_ as uniform
from weft.nn.init import xavier_normal_ as xavier_normal
from weft.nn.init import xavier_uniform_ as xavier_uniform

__all__ = [
    "constant",
    "dirac",
    "eye",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "orthogonal",
    "sparse",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]
