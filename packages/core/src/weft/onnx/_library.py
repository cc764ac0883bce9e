"""The package `onnx`, loaded when a file is first read or written."""

from __future__ import annotations

from types import ModuleType

__all__ = ["library"]


def library() -> ModuleType:
    """Return the package `onnx`.

    Raises:
        ImportError: it is not installed; the message says how to install it.
    """
    try:
        import onnx  # a third of a second, and only users of such files need it
    except ImportError as error:
        raise ImportError(
            "weft.onnx reads and writes files with the package onnx, which cannot be imported "
            f"({error}); run `python -m pip install 'weft[onnx]'`"
        ) from error
    return onnx
