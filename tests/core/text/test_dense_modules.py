"""Linear layers after the pooling, as repositories of sentence-transformers describe them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.text import _published_modules as modules
from weft.text.projection import Dense, Projection

WIDTH = 6
LISTED = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    {"type": "sentence_transformers.models.Dense", "path": "2_Dense"},
    {"type": "sentence_transformers.models.Normalize", "path": "3_Normalize"},
]
CONFIG: dict[str, Any] = {
    "in_features": WIDTH,
    "out_features": 4,
    "bias": True,
    "activation_function": "torch.nn.modules.activation.Tanh",
}


def written(
    folder: Path, config: object = CONFIG, listed: object = LISTED, **tensors: weft.Tensor
) -> dict[str, Path]:
    """Write the files of one layer, and return where each is."""
    kept = tensors or {"linear.weight": weft.rand(4, WIDTH), "linear.bias": weft.rand(4)}
    (folder / "2_Dense").mkdir()
    files = {name: folder / name for name in ("modules.json", "2_Dense/config.json")}
    files["modules.json"].write_text(json.dumps(listed), "utf-8")
    files["2_Dense/config.json"].write_text(json.dumps(config), "utf-8")
    files["2_Dense/model.safetensors"] = folder / "2_Dense" / "model.safetensors"
    weft.io.save_safetensors(kept, files["2_Dense/model.safetensors"])
    return files


def test_a_layer_projects_and_the_length_is_one_at_the_end(tmp_path: Path) -> None:
    weft.manual_seed(0)
    weight, bias, x = weft.rand(4, WIDTH), weft.rand(4), weft.rand(3, WIDTH)
    files = written(tmp_path, **{"linear.weight": weight, "linear.bias": bias})
    projection = modules.projection_of(files, WIDTH)
    modules.fill(projection, files)
    expected = weft.nn.functional.normalize(weft.tanh(x @ weight.T + bias), dim=1)
    with weft.no_grad():
        weft.testing.assert_close(projection(x), expected)
    assert not modules.pooling_of(files).normalise  # the length is brought to 1 afterwards


def test_without_layers_the_pooling_brings_the_length_to_one(tmp_path: Path) -> None:
    files = written(tmp_path, listed=[LISTED[0], LISTED[1], LISTED[3]])
    assert modules.pooling_of(files).normalise
    projection = modules.projection_of(files, WIDTH)
    x = weft.rand(2, WIDTH)
    assert not projection.layers and weft.equal(projection(x), x)
    assert not modules.pooling_of({**files, "modules.json": _plain(tmp_path)}).normalise


def _plain(folder: Path) -> Path:
    path = folder / "plain.json"
    path.write_text(json.dumps(LISTED[:2]), "utf-8")
    return path


@pytest.mark.parametrize("wide", [WIDTH, 3])
def test_a_residual_layer_adds_what_came_in(wide: int) -> None:
    layer = Dense(WIDTH, wide, bias=False, residual=True, activation="ReLU")
    assert hasattr(layer, "residual") == (wide != WIDTH)
    x = weft.rand(2, WIDTH) - 0.5
    with weft.no_grad():
        added = layer.residual(x) if wide != WIDTH else x
        expected = weft.relu(x @ layer.linear.weight.T) + added
        weft.testing.assert_close(Projection([layer])(x), expected)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"in_features": 5}, r"2_Dense/config\.json: in_features must be 6, but is 5"),
        ({"out_features": 0}, "out_features must be from 1 to"),
        ({"out_features": True}, "out_features must be from 1 to .* but is True"),
        ({"out_features": 1 << 40}, "out_features must be from 1 to .* has room for"),
        ({"bias": "no"}, "bias must be true or false, but is 'no'"),
        ({"use_residual": 1}, "use_residual must be true or false"),
        ({"activation_function": "os.system"}, "activation_function must be one of torch's Tanh"),
        ({"activation_function": "torch.nn.modules.activation.Softmax"}, "must be one of torch's"),
        ({"activation_function": 3}, "must be one of torch's .* but is 3"),
        ({"module_input_name": "token_embeddings"}, "module_input_name must be"),
        ({"module_output_name": "other"}, "module_output_name must be"),
    ],
)
def test_a_layer_that_would_compute_otherwise_is_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    files = written(tmp_path, {**CONFIG, **change})
    with pytest.raises(ValueError, match=says):
        modules.projection_of(files, WIDTH)


@pytest.mark.parametrize("missing", ["2_Dense/config.json", "2_Dense/model.safetensors"])
def test_a_layer_without_its_files_is_refused(tmp_path: Path, missing: str) -> None:
    files = written(tmp_path)
    del files[missing]
    with pytest.raises(ValueError, match=f"{missing} of the module Dense is required"):
        modules.projection_of(files, WIDTH)


@pytest.mark.parametrize(
    "tensors",
    [
        {"linear.weight": weft.rand(4, WIDTH)},
        {"linear.weight": weft.rand(WIDTH, 4), "linear.bias": weft.rand(4)},
        {"linear.weight": weft.rand(4, WIDTH), "linear.bias": weft.rand(4), "more": weft.rand(1)},
    ],
)
def test_weights_that_are_not_the_layers_are_refused(
    tmp_path: Path, tensors: dict[str, weft.Tensor]
) -> None:
    files = written(tmp_path, **tensors)
    projection = modules.projection_of(files, WIDTH)
    with pytest.raises(ValueError, match=r"^2_Dense/model\.safetensors: [^\n]*$"):
        modules.fill(projection, files)


def test_a_damaged_file_of_weights_is_refused(tmp_path: Path) -> None:
    files = written(tmp_path)
    files["2_Dense/model.safetensors"].write_bytes(b"x" * 200)
    with pytest.raises(ValueError, match=r"^2_Dense/model\.safetensors: [^\n]*$"):
        modules.fill(modules.projection_of(files, WIDTH), files)


@pytest.mark.parametrize(
    "listed",
    [
        [LISTED[0], LISTED[2]],
        [LISTED[0], LISTED[1], LISTED[3], LISTED[2]],
        [*LISTED[:2], *[LISTED[2]] * 5],
    ],
)
def test_modules_in_another_order_are_refused(tmp_path: Path, listed: list[object]) -> None:
    with pytest.raises(ValueError, match="in this order, of them Dense at most 4 times"):
        modules.projection_of(written(tmp_path, listed=listed), WIDTH)
