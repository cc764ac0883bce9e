"""The names compared: torch's public functions as the installed torch lists them.

``python -m tests.parity.names`` writes them to ``tools/generate/torch_names.json``, from which the
page of names is generated where no torch is installed.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import torch

LISTED = Path(__file__).resolve().parents[2] / "tools" / "generate" / "torch_names.json"
SPACES = (
    "torch",
    "torch.Tensor",
    "torch.linalg",
    "torch.fft",
    "torch.special",
    "torch.signal.windows",
)

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
}


def public_functions(space: str) -> list[str]:
    """Return the names of a namespace's public functions, sorted; of a class, its methods too."""
    holder: Any = torch
    for part in space.split(".")[1:]:
        holder = getattr(holder, part)
    left_out = re.compile("|".join(LEFT_OUT.values()))
    return sorted(
        name
        for name in dir(holder)
        if not left_out.fullmatch(name) and _is_function(getattr(holder, name, None), space)
    )


def _is_function(value: Any, space: str) -> bool:
    if inspect.isclass(value) or inspect.ismodule(value):
        return False
    if space == "torch.Tensor":  # attributes such as .T and .grad are part of its surface
        return callable(value) or inspect.isgetsetdescriptor(value) or isinstance(value, property)
    return callable(value) and getattr(value, "__module__", "") not in ("typing", "abc")


def main() -> None:
    """Write the list."""
    found = {space: public_functions(space) for space in SPACES}
    text = json.dumps({"version": torch.__version__.partition("+")[0], **found}, indent=1)
    LISTED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
