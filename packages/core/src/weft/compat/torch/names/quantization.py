"""``torch.ao.quantization``: its names, for code that imports them beside its other models."""

from __future__ import annotations

from weft.compat.torch._refusing import Refused, refusal

__all__ = ["DeQuantStub", "QuantStub", "convert", "fuse_modules", "prepare", "prepare_qat"]

_SENTENCE = "weft quantises no modules; use the model's form of floating numbers"


class _Quantised(Refused):
    module = "torch.ao.quantization"
    sentence = _SENTENCE


class QuantStub(_Quantised):
    """Where numbers become integers."""


class DeQuantStub(_Quantised):
    """Where they become floating numbers again."""


convert = fuse_modules = fuse_modules_qat = prepare = prepare_qat = quantize_dynamic = refusal(
    f"torch.ao.quantization: {_SENTENCE}"
)
