"""``torch.onnx``: what model code registers or asks for on import. weft exports nothing by it."""

from __future__ import annotations

from typing import Any

from weft.compat.torch._refusing import refusal

__all__ = [
    "export",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "unregister_custom_op_symbolic",
]


def is_in_onnx_export() -> bool:
    """Return False: no graph is being written."""
    return False


def register_custom_op_symbolic(*args: Any, **settings: Any) -> None:
    """Do nothing: what it registers would be asked for by `export` alone."""


unregister_custom_op_symbolic = register_custom_op_symbolic

export = dynamo_export = refusal("torch.onnx.export: weft has no writer of ONNX files")
