"""The cases by which ONNX judges its readers: every one that weft.onnx reads gives what they say.

They come with the package `onnx`. What is not read is told by a typed error, and what is read and
gives something else stands here with its reason.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest

import weft
import weft.onnx

pytestmark = pytest.mark.slow

#: What differs, and why.
DIFFERENT = {
    **dict.fromkeys(
        ["test_resize_downsample_scales_linear_align_corners",
         "test_resize_downsample_scales_cubic_align_corners"],
        "corners are aligned with the size after rounding, as in onnxruntime and PyTorch",
    ),
    **dict.fromkeys(
        ["test_attention_3d_causal_bf16_expanded",
         "test_attention_4d_attn_mask_causal_bf16_expanded",
         "test_attention_4d_causal_bf16_expanded", "test_attention_4d_causal_fp16_expanded",
         "test_attention_4d_causal_padded_kv_bf16_expanded",
         "test_attention_4d_padded_kv_bf16_expanded"],
        "half precision: one step of its last place in some elements",
    ),
}  # fmt: skip
#: The least number of cases that must be read and agree: a new version of onnx may add some.
FEWEST = 1350


def array_of(value: Any) -> np.ndarray:
    return onnx.numpy_helper.to_array(value) if hasattr(value, "data_type") else np.asarray(value)


def verdict(case: Any) -> str:
    """Return `agrees`, `differs: …` or `not read`."""
    try:
        model = weft.onnx.load(io.BytesIO(case.model.SerializeToString()))
    except weft.onnx.OnnxError:
        return "not read"
    for inputs, wanted in case.data_sets:
        with weft.no_grad():
            got = model(*[weft.from_numpy(np.array(array_of(x))) for x in inputs])
        results = got if isinstance(got, tuple) else (got,)
        for y, want in zip(results, map(array_of, wanted), strict=True):
            y = y.detach().numpy()
            if (y.dtype, y.shape) != (want.dtype, want.shape):
                return f"differs: {y.dtype}{y.shape}, not {want.dtype}{want.shape}"
            exact = want.dtype.kind in "bui"
            y, want = (
                one if exact else one.astype("c16" if one.dtype.kind == "c" else "f8")
                for one in (y, want)
            )
            tolerance = {} if exact else {"rtol": case.rtol, "atol": case.atol}
            if not np.allclose(y, want, equal_nan=True, **tolerance):
                return f"differs: by {np.abs(y - want).max()}"
    return "agrees"


def test_every_case_that_is_read_agrees() -> None:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of the values that the cases are made of
        cases = collect_testcases(None)
    found: Counter[str] = Counter()
    wrong = {}
    for case in cases:
        said = verdict(case)
        found[said.partition(":")[0]] += 1
        if said.startswith("differs"):
            wrong[case.name] = said
    assert wrong.keys() == DIFFERENT.keys(), wrong
    assert found["agrees"] >= FEWEST, found
