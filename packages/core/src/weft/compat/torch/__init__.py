"""Run code that says ``import torch`` on weft, unchanged.

``with weft.compat.torch.alias():`` serves the block's imports of ``torch``; ``python -m
weft.compat.torch program.py`` runs a whole program so; ``install()`` serves the rest of a process.
"""

from weft.compat.torch._alias import alias, install

__all__ = ["alias", "install"]
