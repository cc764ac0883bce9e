"""Files that the fuzz of tests/hub/fuzz found: each once ended in another way than it should."""

from __future__ import annotations

import json
import struct

import pytest

import weft
from tests.core.io.torch_files import (
    Call,
    Name,
    Persistent,
    Raw,
    assembled,
    program,
    storage,
    tensor,
    zip_checkpoint,
)
from tests.core.io.trees import rewrite
from tests.hub.fuzz.tars import tar

OF = storage("0", "FloatStorage", 6)
FLOATS = struct.pack("<6f", *range(6))
TENSOR = tensor(OF, (6,))
# A list of two lists that are one, and so on: small in memory, and endless to print.
UNFOLDING = Raw(
    b"(](" + b"e" + b"q\x30" + b"".join(b"](h%ch%ceq%c" % (k, k, k + 1) for k in range(48, 98))
    + b"1h\x62"
)  # fmt: skip


def refused(value: object, path, error: type[Exception], match: str) -> None:
    path.write_bytes(zip_checkpoint(value, {"0": FLOATS}))
    with pytest.raises(error, match=match):
        weft.io.load_pytorch(path)


@pytest.mark.parametrize("name", [("builtins", "bytearray"), ("_codecs", "encode")])
def test_a_codec_that_unfolds_without_end_is_not_printed(name, tmp_path):
    value = Call(Name(*name), ("text", UNFOLDING))
    refused(value, tmp_path / "x", weft.io.FormatError, "takes a text and 'latin1'")


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (Call(Name("_codecs", "encode"), ("a", TENSOR)), weft.io.FormatError, "latin1"),
        (Persistent((TENSOR, 1, 2)), weft.io.UnsafeCheckpointError, "a persistent id is"),
        (
            Call(TENSOR.function, (*TENSOR.arguments, TENSOR)),
            weft.io.FormatError,
            "lazy conjugate",
        ),
        (
            Call(
                Name("torch._utils", "_rebuild_tensor_v3"),
                (*TENSOR.arguments, Name("torch", "float32"), TENSOR),
            ),
            weft.io.FormatError,
            "further state",
        ),
    ],
    ids=["codec", "persistent id", "state of version 2", "state of version 3"],
)
def test_a_tensor_in_the_place_of_another_value_is_refused(value, error, match, tmp_path):
    refused(value, tmp_path / "x", error, match)


def test_a_tensor_as_the_arguments_of_a_module_is_refused(tmp_path):
    made = assembled(Name("__torch__", "Net")) + assembled(TENSOR) + b"\x81"
    extra = [("archive/constants.pkl", b"\x80\x02).")]
    path = tmp_path / "x"
    path.write_bytes(zip_checkpoint(Raw(made), {"0": FLOATS}, extra=extra))
    with pytest.raises(weft.io.UnsafeCheckpointError, match="makes an object"):
        weft.io.load_torchscript(path)


def test_a_text_in_the_place_of_a_storages_type_is_refused_in_a_tar(tmp_path):
    rows = program(1) + program((1, "cpu", "latin1")) + struct.pack("<q", 6) + FLOATS + program([])
    members = {"storages": rows, "tensors": program(0), "pickle": program({})}
    path = tmp_path / "x"
    path.write_bytes(tar(members))
    with pytest.raises(weft.io.FormatError, match="a storage is"):
        weft.io.load_pytorch(path)


@pytest.mark.parametrize(
    "node",
    [
        {"meta": "float32", "size": [1] * 65},
        {"tensor": "b", "in": "a", "offset": 0, "size": [1] * 65, "stride": [1] * 65},
    ],
    ids=["meta", "window"],
)
def test_more_dimensions_than_an_array_can_have_are_refused(node, tmp_path):
    path = tmp_path / "x"
    weft.save({"a": weft.ones(3), "b": 1}, path)
    rewrite(path, lambda structure: structure["dict"].update(b=node))
    with pytest.raises(weft.io.FormatError, match="at most 64 dimensions, not 65"):
        weft.load(path)


def test_a_size_may_be_longer_than_any_tensor_has_dimensions(tmp_path):
    path = tmp_path / "x"
    weft.save(weft.Size([1] * 70), path)
    assert weft.load(path) == weft.Size([1] * 70)


def test_an_index_that_names_half_a_surrogate_pair_is_refused(tmp_path):
    index = tmp_path / "m.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "m\ud800"}}))
    with pytest.raises(weft.io.UnsafeCheckpointError, match="no plain file name"):
        weft.io.load_sharded(index)


def test_an_index_of_brackets_alone_is_refused_before_it_is_parsed(tmp_path):
    index = tmp_path / "m.safetensors.index.json"
    index.write_text("[" + "[]," * 1_000_001 + "[]]")
    with pytest.raises(weft.io.FormatError, match="at most 1000000 brackets"):
        weft.io.load_sharded(index)


def test_minus_zero_in_a_header_is_no_whole_number(tmp_path):
    header = b'{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'
    path = tmp_path / "x"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(weft.io.FormatError, match="whole numbers alone, but '-0'"):
        weft.io.load_safetensors(path)


def test_an_order_of_very_many_dims_is_refused_in_few_words(tmp_path):
    path = tmp_path / "x"
    weft.save({"a": weft.ones(2, 3)}, path)
    rewrite(path, lambda structure: structure["dict"]["a"].update(order=[0] * 5000))
    with pytest.raises(weft.io.FormatError, match="has dims in order") as caught:
        weft.load(path)
    assert len(str(caught.value)) < 500
