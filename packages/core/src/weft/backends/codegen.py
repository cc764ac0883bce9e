"""weft's own code generator: ``weft.backends.codegen.enabled`` says whether it may be used."""

from __future__ import annotations

from contextlib import AbstractContextManager

from weft.backends import _switch

__all__ = ["flags", "is_available"]

_switch.give(__name__, "codegen")


def is_available() -> bool:
    """Whether machine code can be generated here; ``weft.show_config()`` prints why not."""
    from weft._backend.cpu import engine

    return not engine.why_no_codegen()


def flags(enabled: bool = False) -> AbstractContextManager[None]:
    """Return a context in which generated machine code is or is not used, in all threads."""
    return _switch.turned("codegen", enabled)
