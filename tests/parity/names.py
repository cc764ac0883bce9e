"""The names compared: torch's public functions and classes as the installed torch lists them.

``python -m tests.parity.names`` writes them to ``tools/generate/torch_names.json``, from which the
page of names is generated where no torch is installed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import torch

LISTED = Path(__file__).resolve().parents[2] / "tools" / "generate" / "torch_names.json"
#: Of functions alone.
FUNCTIONS = (
    "torch",
    "torch.Tensor",
    "torch.linalg",
    "torch.fft",
    "torch.special",
    "torch.signal.windows",
)
#: Of classes and functions, which are looked for in all that a module lists or defines.
MODULES = (
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.attention",
    "torch.nn.init",
    "torch.nn.parameter",
    "torch.nn.utils",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.prune",
    "torch.nn.utils.rnn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.distributions",
    "torch.distributions.constraints",
    "torch.distributions.kl",
    "torch.distributions.transforms",
    "torch.utils.data",
    "torch.utils.checkpoint",
    "torch.utils.benchmark",
    "torch.utils.flop_counter",
    "torch.amp",
    "torch.autograd",
    "torch.autograd.forward_ad",
    "torch.autograd.functional",
    "torch.autograd.graph",
    "torch.func",
    "torch.testing",
)
SPACES = FUNCTIONS + MODULES

#: What is left out of the comparison: names of these forms, each for what it belongs to.
LEFT_OUT = {
    "private": r"_.*|(cudnn|miopen|mkldnn)_.*|.*_(ipu|xla|xpu|hpu|mtia|maia|mkldnn|vulkan)(_.*)?"
    r"|ipu|xla|xpu|hpu|mtia|maia|is_mps|to_mkldnn|profiler_.*|vitals_.*|.*vulkan.*"
    r"|(init|read)_.*threads?|get_file_path|.*multiprocessing_environment|thread_safe_generator"
    r"|compiled_with_cxx11_abi|autocast_(in|de)crement_nesting|is_storage|const_data_ptr|classproperty",
    "jit": r"import_ir_.*|parse_.*|merge_type_.*|unify_type_.*|fork|wait|cond|while_loop|compile"
    r"|export|Code|is_tracing",
    "quantised": r"(de)?quantize.*|.*quantiz.*|fake_.*|q_.*|qscheme|int_repr|fbgemm_.*|choose_q.*"
    r"|fused_moving_avg_obs.*|to_padded_tensor",
    "sparse": r".*sparse.*|(ccol|col|crow|row)_indices.*|indices(_copy)?|values(_copy)?"
    r"|(ds|hs|hsp|sp|sadd?|s|sspadd)mm|coalesce|is_coalesced|dense_dim|to_dense",
    "distributed": r"is_distributed|.*process_group.*"
    r"|batch_norm_(backward|elemt|gather|stats|update).*",  # of SyncBatchNorm
    "symbolic": r"sym_.*|SymInt.*",
    "machinery": r".*has_torch_function.*|handle_torch_function|is_tensor_like|boolean_dispatch"
    r"|assert_int_or_pair|factory_kwargs|argument_validation|runtime_validation.*|DeviceType"
    r"|NestedIOFunction|Profiler(Activity|Config|Event|State)|kineto_available|DataChunk"
    r"|UninitializedTensorMixin|is_opaque_reference_type|is_traceable_wrapper_subclass|OpaqueBase"
    r"|get_swap_module_params_on_conversion|DefaultDeviceType|.*graph_exec_group",
}


def public_names(space: str) -> list[str]:
    """Return the public names of a namespace, sorted: functions; of a class, its methods too."""
    holder: Any = importlib.import_module(space) if space in MODULES else torch
    for part in () if space in MODULES else space.split(".")[1:]:
        holder = getattr(holder, part)
    left_out = re.compile("|".join(LEFT_OUT.values()))
    listed = getattr(holder, "__all__", None) if space in MODULES else None
    return sorted(
        name
        for name in set(dir(holder) if listed is None else listed)
        if not left_out.fullmatch(name)
        and (listed is not None or _is_public(getattr(holder, name, None), space))
    )


def _is_public(value: Any, space: str) -> bool:
    if inspect.ismodule(value) or (inspect.isclass(value) and space not in MODULES):
        return False
    if space == "torch.Tensor":  # attributes such as .T and .grad are part of its surface
        return callable(value) or inspect.isgetsetdescriptor(value) or isinstance(value, property)
    home = getattr(value, "__module__", "") or ""
    if space in MODULES:  # its own, and those of what it is made of
        return callable(value) and home.startswith((space, "torch._C._nn"))
    return callable(value) and home not in ("typing", "abc")


def main() -> None:
    """Write the list."""
    found = {space: public_names(space) for space in SPACES}
    text = json.dumps({"version": torch.__version__.partition("+")[0], **found}, indent=1)
    LISTED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
