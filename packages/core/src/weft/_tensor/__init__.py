"""The tensor's methods, a file a topic. Importing this package fills the class with them.

What is no op is written here; the method of an op is the op's own function, put on the class as it
is, so that calling it costs nothing more. Until the op's module is loaded, which the first use of
one of its methods does, a descriptor stands there for it.
"""

from weft._core.lazy import Method
from weft._core.tensor import Size, Tensor
from weft._names import METHODS
from weft._tensor import (
    asking,
    conversion,
    copying,
    drawing,
    foreign,
    gradients,
    layout,
    operators,
    reading,
    reshaping,
    storage,
    writing,
)

__all__ = ["Size", "Tensor"]


#: What defines a name later replaces what defined it before.
_TOPICS = (
    layout,
    asking,
    storage,
    foreign,
    reading,
    conversion,
    gradients,
    writing,
    copying,
    operators,
    reshaping,
    drawing,
)


def _fill() -> None:
    for topic in _TOPICS:
        for name, method in topic.METHODS.items():
            setattr(Tensor, name, method)
        for name, read in getattr(topic, "PROPERTIES", {}).items():
            setattr(Tensor, name, property(read))
        for name, (read, put) in getattr(topic, "WRITABLE", {}).items():
            setattr(Tensor, name, property(read, put))
    for name, module in METHODS.items():
        if name not in vars(Tensor):
            setattr(Tensor, name, Method(module, name))


_fill()
