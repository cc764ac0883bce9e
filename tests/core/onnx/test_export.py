"""Exporting: what is written is sound, is read back with the same results, and says what it lacks.

`tests/parity/test_onnx_export.py` runs the files in onnxruntime.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import onnx
import pytest

import weft
from weft import Tensor, nn
from weft.compat.torch import alias


def written(module: nn.Module, args: Any, **settings: Any) -> tuple[Any, weft.graph.GraphModule]:
    """Return the model as `onnx` reads it, and as weft does."""
    file = io.BytesIO()
    weft.onnx.export(module, args, file, **settings)
    file.seek(0)
    return onnx.load_model_from_string(file.getvalue()), weft.onnx.load(file)


class Two(nn.Module):
    """A layer whose two results have names."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor, shift: Tensor) -> dict[str, Tensor]:
        y = self.layer(x) + shift
        return {"scores": y, "best": y.argmax(1)}


def test_names_shapes_and_weights_are_the_modules() -> None:
    model = Two()
    x, shift = weft.randn(2, 4), weft.randn(3)
    proto, read = written(model, (x, shift), dynamic_shapes={"x": {0: "batch"}})
    assert [one.name for one in proto.graph.input] == ["x", "shift"]
    assert [one.name for one in proto.graph.output] == ["scores", "best"]
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    assert (dims[0].dim_param, dims[1].dim_value) == ("batch", 4)
    assert set(dict(read.named_parameters())) == {"layer.weight", "layer.bias"}
    more = weft.randn(5, 4)
    scores, best = read(more, shift)
    wanted = model(more, shift)
    assert weft.allclose(scores, wanted["scores"], atol=1e-6)
    assert weft.equal(best, wanted["best"])


def test_names_can_be_given() -> None:
    settings = {"input_names": ["a", "b"], "output_names": ["c", "d"], "opset": 18}
    proto, read = written(Two(), (weft.randn(2, 4), weft.randn(3)), **settings)
    assert read.input_names == ("a", "b") and read.output_names == ("c", "d")
    assert proto.opset_import[0].version == 18
    for bad in (["a"], ["a", "a"]):
        with pytest.raises(ValueError, match="2 different names"):
            written(Two(), (weft.randn(2, 4), weft.randn(3)), input_names=bad)


def test_a_graph_is_written_as_it_is(tmp_path: Path) -> None:
    graph = weft.graph.trace(nn.Linear(4, 3), weft.ones(2, 4), dynamic_shapes=({0: "n"},))
    assert weft.onnx.export(graph, weft.ones(2, 4), tmp_path / "a.onnx") is graph
    read = weft.onnx.load(tmp_path / "a.onnx")
    assert weft.allclose(read(weft.ones(5, 4)), graph(weft.ones(5, 4)))
    with pytest.raises(ValueError, match="says itself which dims vary"):
        weft.onnx.export(graph, weft.ones(2, 4), tmp_path / "b.onnx", dynamic_shapes=({0: "n"},))


def test_functions_without_a_form_are_listed_all_at_once_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return weft.lgamma(x) + weft.lgamma(x) + weft.digamma(x)

    with pytest.raises(weft.onnx.UnsupportedFunctionsError) as caught:
        weft.onnx.export(Odd(), weft.ones(2), tmp_path / "a.onnx")
    assert caught.value.counts == {"lgamma": 2, "digamma": 1}
    assert "2 functions have no ONNX form here: lgamma (2), digamma (1)" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_settings_without_a_form_are_listed_too() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return x.round(decimals=2), x.norm(p=3.0, dim=1), x.abs()

    with pytest.raises(weft.onnx.UnsupportedFunctionsError, match=r"p=3.*decimals") as caught:
        weft.onnx.export(Odd(), weft.ones(2, 2), io.BytesIO())
    assert len(caught.value.counts) == 2


@pytest.mark.parametrize("opset", [17, 99])
def test_an_opset_that_is_not_written_is_refused(opset: int) -> None:
    with pytest.raises(ValueError, match="from 18 to 23"):
        weft.onnx.export(nn.Linear(2, 2), weft.ones(1, 2), io.BytesIO(), opset=opset)


def test_the_guide_counts_the_functions_that_have_a_form(repository: Path) -> None:
    assert set(weft.onnx.functions()) <= set(weft.graph.functions())
    page = (repository / "docs" / "guide" / "onnx.md").read_text(encoding="utf-8")
    assert f"lists what has one: {len(weft.onnx.functions())} functions" in page


def test_under_the_alias_it_is_torch_onnx_export(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with alias():
        import torch

        torch.onnx.export(
            torch.nn.Linear(4, 3), (torch.randn(2, 4),), path, input_names=["x"],
            output_names=["y"], dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}},
            opset_version=17, do_constant_folding=True, verbose=False,
        )  # fmt: skip
        assert not torch.onnx.is_in_onnx_export()
        with pytest.raises(TypeError, match="no setting magic"):
            torch.onnx.export(torch.nn.Linear(4, 3), (torch.randn(2, 4),), path, magic=1)
        with pytest.raises(ValueError, match="pass its path"):
            torch.onnx.export(torch.nn.Linear(4, 3), (torch.randn(2, 4),))
    read = weft.onnx.load(path)
    assert (read.input_names, read.output_names) == (("x",), ("y",))
    assert read(weft.ones(7, 4)).shape == (7, 3)
