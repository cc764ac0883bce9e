"""``torch.fx``: what model code decorates itself with. Tracing itself is absent."""

from __future__ import annotations

from typing import Any

import weft
from weft.compat.torch._refusing import Refused

__all__ = ["Graph", "GraphModule", "Node", "Proxy", "Tracer", "symbolic_trace", "wrap"]


def wrap(fn_or_name: Any) -> Any:
    """Return what is wrapped: there is no tracer that it had to be kept from."""
    return fn_or_name


class _Untraced(Refused):
    module = "torch.fx"
    sentence = (
        "weft traces no graphs of modules; weft.func and weft_vision's feature extraction work "
        "on the program itself"
    )


class GraphModule(weft.nn.Module):
    """The class of traced modules, which there are none of."""


class Proxy(_Untraced):
    """A value while a program is traced: never, here."""


class Node(_Untraced):
    """A step of a traced program."""


class Graph(_Untraced):
    """A traced program."""


class Tracer(_Untraced):
    """What traces a program."""


def symbolic_trace(root: Any, *args: Any, **settings: Any) -> Any:
    """Refuse: there is no tracer."""
    Tracer()


#: What else subclasses of these classes import.
Target = Any
_CodeOnlyModule = GraphModule
_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"


def _copy_attr(*args: Any) -> None:
    """Refuse: there is no tracer."""
    Tracer()
