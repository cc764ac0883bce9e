"""oneDNN, by the name it had: ``weft.backends.mkldnn.enabled`` says whether it may be used."""

from __future__ import annotations

from contextlib import AbstractContextManager

from weft.backends import _switch

__all__ = ["flags", "is_available"]

_switch.give(__name__, "onednn")


def is_available() -> bool:
    """Whether oneDNN can be used here; ``weft.show_config()`` prints why not."""
    from weft._backend.cpu import engine

    return not engine.why_no_onednn()


def flags(
    enabled: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> AbstractContextManager[None]:
    """Return a context in which oneDNN is or is not used, in all threads.

    Args:
        enabled: whether it is.
        deterministic: PyTorch's; results are deterministic in any case.
        allow_tf32: PyTorch's; float32 is computed in float32 in any case.
        fp32_precision: PyTorch's; likewise.

    Example:
        >>> with weft.backends.mkldnn.flags(enabled=False):
        ...     product = weft.ones(2, 2) @ weft.ones(2, 2)
    """
    return _switch.turned("onednn", enabled)
