"""Which operators are read, for people and for the guide."""

from __future__ import annotations

__all__ = ["operators"]


def operators() -> dict[str, int]:
    """Return the operators that weft.onnx reads itself: the oldest opset of each by its name.

    Those that ONNX defines by others are read too where all of these are here.

    Example:
        >>> import weft
        >>> "Conv" in weft.onnx.operators()
        True
    """
    from weft.onnx._file import OLDEST_OPSET
    from weft.onnx._operators import OPERATORS

    return {
        f"{domain}.{name}" if domain else name: max(readers[-1][0], 1 if domain else OLDEST_OPSET)
        for (domain, name), readers in sorted(OPERATORS.items())
    }
