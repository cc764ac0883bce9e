"""``torch.onnx``: its `export`, by weft's own, and what model code registers on import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import weft
from weft.graph._trace.examples import example_of
from weft.graph._trace.recording import here

__all__ = [
    "export",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "unregister_custom_op_symbolic",
]

#: Settings that choose how PyTorch writes, and change nothing of what is computed.
_LEFT_ASIDE = frozenset(
    "verbose dynamo do_constant_folding keep_initializers_as_inputs optimize verify profile report "
    "dump_exported_program artifacts_dir fallback external_data operator_export_type "
    "autograd_inlining".split()
)


def export(
    model: Any,
    args: Any = (),
    f: Any = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    export_params: bool = True,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_axes: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
    **settings: Any,
) -> None:
    """Write a module as an ONNX file: :func:`weft.onnx.export`.

    Args:
        model: the module.
        args: its arguments; a dict at their end has keyword arguments, as older programs say it.
        f: the file to write; it must be given.
        kwargs: keyword arguments.
        export_params: True: weights are always written.
        input_names: what the inputs are called.
        output_names: what the outputs are called.
        opset_version: of ONNX's operators; 20 if None, and 18 for older ones.
        dynamic_axes: by the names of inputs, the dims that may vary, with names or without.
        dynamic_shapes: the same in the newer way.
        settings: those that only choose how PyTorch writes are left aside.

    Raises:
        TypeError: a setting is none of those.
        ValueError: there is no file, or weights are not to be written.
    """
    unknown = sorted(settings.keys() - _LEFT_ASIDE - {"training", "custom_opsets"})
    if unknown or settings.get("custom_opsets"):
        raise TypeError(
            f"torch.onnx.export: weft has no setting {(unknown or ['custom_opsets'])[0]}"
        )
    if f is None:
        raise ValueError("torch.onnx.export: weft writes a file: pass its path, or a file object")
    if not export_params:
        raise ValueError(
            "torch.onnx.export: weights are always written; export_params must be True"
        )
    given = (args,) if isinstance(args, weft.Tensor) else tuple(args)
    named = dict(kwargs or {})
    if given and isinstance(given[-1], dict) and not named:
        *rest, named = given
        given = tuple(rest)
    if dynamic_axes and dynamic_shapes is None:
        own = list(example_of(model, given, named, None).tensors)
        dynamic_shapes = _shapes(dynamic_axes, dict(zip(input_names or own, own, strict=False)))
    opset = 20 if opset_version is None else max(opset_version, 18)
    weft.onnx.export(
        model, given, f, named, dynamic_shapes=dynamic_shapes, input_names=input_names,
        output_names=output_names, opset=opset,
    )  # fmt: skip


def _shapes(axes: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, dict[int, str]]:
    """Return `dynamic_shapes` for `dynamic_axes`; those of outputs follow from the inputs'."""
    found = {}
    for name, dims in axes.items():
        if name in names:
            pairs = (
                dims.items() if isinstance(dims, Mapping) else ((d, f"{name}_{d}") for d in dims)
            )
            found[names[name]] = dict(pairs)
    return found


def is_in_onnx_export() -> bool:
    """Return whether a module is being traced."""
    return here.recorder is not None


def register_custom_op_symbolic(*args: Any, **settings: Any) -> None:
    """Do nothing: what it registers would be asked for by PyTorch's own `export` alone."""


unregister_custom_op_symbolic = register_custom_op_symbolic
dynamo_export = export
