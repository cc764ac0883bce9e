"""Hostile PyTorch checkpoints: each is refused by the name of what it wants, and nothing runs."""

from __future__ import annotations

import builtins
import os
import pickle
import re
import struct
from collections import OrderedDict, defaultdict
from pathlib import Path

import pytest

import weft
from tests.core.io.torch_files import (
    Call,
    Name,
    Persistent,
    Raw,
    assembled,
    legacy_checkpoint,
    program,
    storage,
    tensor,
    zip_checkpoint,
)

Unsafe = weft.io.UnsafeCheckpointError
Format = weft.io.FormatError
OF = storage("0", "FloatStorage", 6)
FLOATS = struct.pack("<6f", *range(6))
CANARY = "weft_canary_was_executed"


class Attack:
    """An object whose pickle calls `function` with `arguments`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.reduced  # type: ignore[return-value]  # whatever the test wants called


@pytest.fixture(params=["zip", "legacy"])
def refused(request, tmp_path: Path):
    """Return a function that writes a checkpoint in each format and expects it to be refused."""

    def check(
        value: object,
        error: type[Exception],
        why: str,
        storages: dict[str, tuple[int, bytes]] | None = None,
    ) -> None:
        path = tmp_path / "hostile.pth"
        storages = {"0": (6, FLOATS)} if storages is None else storages
        if request.param == "zip":
            data = {key: data for key, (_, data) in storages.items()}
            path.write_bytes(zip_checkpoint(value, data))
        else:
            path.write_bytes(legacy_checkpoint(value, storages))
        with pytest.raises(weft.io.WeightsError, match=re.escape(why)) as caught:
            weft.io.load_pytorch(path)
        assert caught.type is error, caught.value
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    return check


# ---------------------------------------------------------------- code


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, f"{os.name}.system"),
        (eval, "builtins.eval"),
        (exec, "builtins.exec"),
        (builtins.__import__, "builtins.__import__"),
        (getattr, "builtins.getattr"),
        (open, f"{open.__module__}.open"),  # io, or _io since Python 3.13
        (defaultdict, "collections.defaultdict"),
        (os.execv, f"{os.name}.execv"),
        (os.path.join, f"{os.path.__name__}.join"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_of_anything_unlisted_is_refused_by_name(refused, function, name, protocol):
    code = pickle.dumps({"w": Attack(function, f"touch {CANARY}")}, protocol=protocol)
    refused(code, Unsafe, f"wants {name}, ")
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_a_raw_pickle_that_calls_the_shell_is_refused_by_name(tmp_path, protocol):
    path = tmp_path / "raw.pth"
    path.write_bytes(pickle.dumps(Attack(os.system, f"touch {CANARY}"), protocol=protocol))
    with pytest.raises(Unsafe, match=rf"wants {os.name}\.system"):
        weft.io.load_pytorch(path)
    assert not Path(CANARY).exists()


def test_a_harmless_raw_pickle_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "raw.pth"
    path.write_bytes(pickle.dumps({"a": [1, 2]}))
    with pytest.raises(Format, match=r"a plain pickle .* not a file of torch\.save; if you trust"):
        weft.io.load_pytorch(path)


def test_a_text_pickle_is_refused(tmp_path):
    path = tmp_path / "raw.pth"
    path.write_bytes(b"cposix\nsystem\n(S'id'\ntR.")
    with pytest.raises(Unsafe, match=r"wants posix\.system"):
        weft.io.load_pytorch(path)


def test_a_class_that_the_reader_could_import_is_refused(refused):
    refused(Call(Name("weft", "Tensor")), Unsafe, "wants weft.Tensor")


@pytest.mark.parametrize(
    "name",
    [
        "torch.load",
        "torch.nn.Linear",
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_parameter_with_state",
        "torch._tensor._rebuild_from_type_v2",
        "torch.storage._load_from_bytes",
        "torch.hub.load",
        "collections.OrderedDict.__init__",
        "numpy.core.multiarray._reconstruct",
        "builtins.set.__class__",
    ],
)
def test_a_name_beside_the_listed_ones_is_refused(refused, name):
    module, _, last = name.rpartition(".")
    refused(Call(Name(module, last), ((),)), Unsafe, f"wants {name}, ")


def test_a_dotted_name_is_no_way_to_an_attribute(refused):
    refused(Name("collections", "OrderedDict.__subclasses__"), Unsafe, "OrderedDict.__subclasses__")
    refused(Name("torch", "float32.__class__"), Unsafe, "wants torch.float32.__class__")


def test_a_name_with_terminal_escapes_is_shown_escaped(refused):
    refused(Name("os\x1b[2J", "system"), Unsafe, r"'os\x1b[2J.system'")


def test_a_name_put_together_on_the_stack_is_looked_up_the_same_way(refused):
    refused(Raw(assembled("posix") + assembled("system") + b"\x93"), Unsafe, "wants posix.system")
    refused(Raw(assembled(1) + assembled("system") + b"\x93"), Unsafe, "made of two strings")


def test_a_listed_name_is_never_handed_out_as_a_value(refused):
    refused(
        [Name("collections", "OrderedDict")], Format, "holds collections.OrderedDict as a value"
    )
    refused({"s": Name("torch", "FloatStorage")}, Format, "holds torch.FloatStorage as a value")


def test_a_result_is_not_callable(refused):
    made = Call(Name("collections", "OrderedDict"))
    refused(Call(made, ()), Unsafe, "which is nothing that may be called")
    refused(Call("text", ()), Unsafe, "calls 'text'")
    refused(Call(Name("torch", "float32"), ()), Unsafe, "nothing that may be called")
    refused(Call(Name("torch", "FloatStorage"), (3,)), Unsafe, "nothing that may be called")


def test_a_call_inside_arguments_is_refused_before_the_outer_one(refused):
    inner = Call(Name("builtins", "eval"), ("1",))
    refused(Call(Name("collections", "OrderedDict"), ([["k", inner]],)), Unsafe, "builtins.eval")


def test_the_state_of_an_object_cannot_be_set(refused):
    made = assembled(Call(Name("collections", "OrderedDict")))
    for state in ({"items": 1}, {"__class__": 1}, {"_metadata": 1}, [1], ({"a": 1}, {"b": 2})):
        refused(Raw(made + assembled(state) + b"b"), Unsafe, "other than the _metadata")
    notes = assembled({"_metadata": {}})
    refused(Raw(assembled({}) + notes + b"b"), Unsafe, "sets attributes of a dict")
    refused(Raw(assembled(tensor(OF, (6,))) + notes + b"b"), Unsafe, "sets attributes of a")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (b"(iposix\nsystem\n", "INST"),
        (b"(o", "OBJ"),
        (b")\x92", "NEWOBJ_EX"),
        (b"\x82\x01", "EXT1"),
        (b"P0\n", "PERSID"),
        (b"\x97", "NEXT_BUFFER"),
    ],
)
def test_opcodes_that_make_objects_are_refused_by_name(refused, code, name):
    refused(Raw(code), Unsafe, f"uses the opcode {name}")


def test_an_object_of_a_listed_class_cannot_be_made_by_another_opcode(refused):
    code = assembled(Name("collections", "OrderedDict")) + b")\x81"
    refused(Raw(code), Unsafe, "makes an object of collections.OrderedDict")


def test_backward_hooks_are_refused(refused):
    hooks = OrderedDict({"0": "hook"})
    refused(tensor(OF, (6,), hooks=hooks), Unsafe, "backward hooks, which are code")


@pytest.mark.parametrize(
    "key",
    [
        "0",
        (),
        ("module", "class", "file.py", "import os"),
        ("storage",),
        ["storage"],
        None,
        7,
    ],
)
def test_persistent_ids_other_than_storages_are_refused(refused, key):
    if key == ("storage",):
        refused(Persistent(key), Format, "a storage is named by 5 or 6 values")
    else:
        refused(Persistent(key), Unsafe, "a persistent id is ('storage', type, key, location, cou")


# ---------------------------------------------------------------- memory


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((7,), (1,), 0),
        ((1,), (1,), 6),
        ((6,), (1,), 1),
        ((2,), (6,), 0),
        ((2, 2), (4, 2), 0),
        ((1,), (1,), 2**40),
        ((2,), (2**40,), 0),
        ((), (), 6),
        ((0,), (1,), 7),
    ],
)
def test_a_tensor_that_reaches_outside_of_its_storage_is_refused(refused, size, stride, offset):
    refused(tensor(OF, size, stride, offset), Unsafe, "of a storage of 24 bytes")


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((-1,), (1,), 0),
        ((2,), (-1,), 1),
        ((2,), (1,), -1),
        ((2**62, 2**62), (1, 1), 0),
        ((0, 2**62), (1, 1), 0),
        ((2**63,), (0,), 0),
        ((1,), (2**62,), 0),
        ((2**32, 2**32), (0, 0), 0),
    ],
)
def test_numbers_that_no_tensor_can_have_are_refused(refused, size, stride, offset):
    refused(tensor(OF, size, stride, offset), Unsafe, ": a tensor")


def test_a_tensor_of_terabytes_over_a_few_bytes_is_refused(refused):
    refused(tensor(OF, (2**40,), (0,)), Unsafe, "24 bytes are shown as a tensor of 4398046511104")


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((2.0,), (1,), 0),
        ((True,), (1,), 0),
        (["2"], (1,), 0),
        ((2,), (), 0),
        ((2,), (1, 1), 0),
        ((1,) * 65, (1,) * 65, 0),
        ((2,), (1,), "0"),
        ((2,), (1,), None),
        (2, 1, 0),
    ],
)
def test_a_window_of_other_than_whole_numbers_is_refused(refused, size, stride, offset):
    refused(tensor(OF, size, stride, offset), Format, ": a tensor")


def test_a_storage_that_claims_more_than_the_file_has_is_refused(tmp_path):
    path = tmp_path / "short.pth"
    path.write_bytes(zip_checkpoint(tensor(storage("0", "FloatStorage", 7), (7,)), {"0": FLOATS}))
    with pytest.raises(Format, match="takes 28 bytes, but 'archive/data/0' has 24"):
        weft.io.load_pytorch(path)


def test_a_legacy_storage_whose_two_counts_differ_is_refused(tmp_path):
    path = tmp_path / "short.pth"
    value = tensor(storage("0", "FloatStorage", 7), (7,))
    for count in (6, -1, 2**62):
        path.write_bytes(legacy_checkpoint(value, {"0": (count, FLOATS)}))
        with pytest.raises(Unsafe, match=f"its data announce {count}"):
            weft.io.load_pytorch(path)


@pytest.mark.parametrize("count", [-1, 2**63, 2**80])
def test_a_storage_of_an_impossible_count_is_refused(refused, count):
    refused(tensor(storage("0", "FloatStorage", count), (1,)), Unsafe, "a storage's count")


@pytest.mark.parametrize("count", [1.0, True, "6", None])
def test_a_storage_whose_count_is_no_number_is_refused(refused, count):
    refused(tensor(storage("0", "FloatStorage", count), (1,)), Format, "a storage's count")


def test_one_storage_under_two_types_is_refused(refused):
    value = [tensor(OF, (6,)), tensor(storage("0", "IntStorage", 6), (6,))]
    refused(value, Format, "is first 6 float32 and then 6 int32")


def test_a_storage_that_is_not_in_the_file_is_refused(refused):
    refused(tensor(storage("9", "FloatStorage", 6), (6,)), Format, "9'", {})


@pytest.mark.parametrize("key", ["../data.pkl", "/etc/passwd", "0\x00", "", "..", "data.pkl/../0"])
def test_a_storage_key_is_no_path(refused, key):
    refused(tensor(storage(key, "FloatStorage", 6), (6,)), Format, "need", {})


def test_a_legacy_view_outside_of_its_storage_is_refused(refused):
    for view, why in (
        (("v", 4, 3), "3 elements at 4 reach outside storage '0' of 6"),
        (("v", 7, 0), "reach outside"),
        (("v", -1, 1), "a storage view's offset"),
        (("v", 0, 2**63), "a storage view's length"),
    ):
        key = ("storage", Name("torch", "FloatStorage"), "0", "cpu", 6, view)
        refused(tensor(Persistent(key), (1,)), Unsafe, why)


def test_a_bare_storage_is_refused(refused):
    refused([OF], Format, "holds a storage of 6 float32 as a value")


def test_a_window_over_something_else_than_a_storage_is_refused(refused):
    refused(tensor("0", (1,)), Format, "takes a storage, not '0'")


def test_an_integer_tensor_that_requires_a_gradient_is_refused(refused):
    of = storage("0", "IntStorage", 6)
    refused(tensor(of, (6,), requires_grad=True), Format, "cannot require a gradient")


def test_a_lazy_conjugate_is_refused_with_what_to_do(refused):
    of = storage("0", "ComplexFloatStorage", 3)
    call = tensor(of, (3,))
    lazy = Call(call.function, (*call.arguments, {"conj": True}))
    refused(lazy, Format, "resolve_conj()", {"0": (3, FLOATS)})


def test_a_dtype_that_weft_lacks_is_refused_by_name(refused):
    refused(Name("torch", "complex32"), Format, "dtype complex32, which weft does not have")


def test_a_bool_that_is_neither_0_nor_1_is_refused(refused):
    of = storage("0", "BoolStorage", 3)
    refused(tensor(of, (3,)), Format, "may hold the bytes 0 and 1 alone", {"0": (3, b"\0\1\xff")})


# ---------------------------------------------------------------- bombs


def test_a_list_that_doubles_forty_times_is_refused(refused):
    refused(Raw(_doubled(40)), Unsafe, "unfold to more than")


def _doubled(times: int) -> bytes:
    """Return opcodes of a list that holds one list twice, which holds one twice, and so on."""
    code = b"]q\x00"
    for place in range(times):
        code += b"0](" + b"h" + bytes([place]) + b"h" + bytes([place]) + b"e"
        code += b"q" + bytes([place + 1])
    return code


def test_a_list_that_holds_itself_is_refused(refused):
    refused(Raw(b"]q\x00h\x00a"), Unsafe, "a list that holds itself")
    refused(Raw(b"}q\x00" + assembled("k") + b"h\x00s"), Unsafe, "a dict that holds itself")
    refused(Raw(b"]q\x00h\x00\x85a"), Unsafe, "that holds itself")


def test_deep_nesting_is_refused(refused):
    refused(Raw(b")" + b"\x85" * 100_000), Unsafe, "nests containers more than 200")
    refused(Raw(b"]" * 5000 + b"a" * 4999), Unsafe, "nests containers more than 200 deep")


def test_more_opcodes_than_any_checkpoint_needs_are_refused(refused, monkeypatch):
    monkeypatch.setattr("weft.io._pickle_opcodes.MAX_OPCODES", 1000)
    refused(Raw(b"N" + b"N0" * 500), Unsafe, "more than 1000 opcodes")


def test_more_containers_than_any_checkpoint_needs_are_refused(refused, monkeypatch):
    monkeypatch.setattr("weft.io._pickle_machine.MAX_UNITS", 1000)
    refused(Raw(b"N" + b"}0" * 1001), Unsafe, "more than 1000 containers")


def test_more_memory_places_than_any_checkpoint_needs_are_refused(refused, monkeypatch):
    monkeypatch.setattr("weft.io._pickle_machine.MAX_MEMO", 1000)
    refused(Raw(b"N" + b"\x94" * 1001), Unsafe, "remembers more than 1000")


def test_a_pickle_that_ends_without_stop_is_refused(tmp_path):
    path = tmp_path / "endless.pth"
    for code in (b"\x80\x02N", b""):
        path.write_bytes(zip_checkpoint(code))
        with pytest.raises(Format, match="without its STOP opcode"):
            weft.io.load_pytorch(path)


def test_copying_a_long_list_again_and_again_is_refused(refused):
    listed = b"](" + b"N" * 200_000 + b"e\x85q\x01"
    made = assembled(Name("builtins", "set")) + b"q\x02"
    refused(Raw(listed + b"0" + made + b"(" + b"h\x02h\x01R" * 20 + b"t"), Unsafe, "containers and")


def test_keys_whose_hashes_collide_are_refused(refused):
    refused({2**61 - 1: 1}, Format, "a number below 2**60")
    refused(Raw(b"}" + assembled((1, 2)) + b"Ns"), Format, "but here a tuple")
    refused(Call(Name("builtins", "set"), ([(1,)],)), Format, "but here a tuple")


def test_a_key_that_has_no_hash_is_refused(refused):
    refused(Raw(b"}]Ns"), Format, "but here a list")
    refused(Call(Name("collections", "OrderedDict"), ([[[], 1]],)), Format, "but here a list")


def test_an_integer_of_a_million_bytes_is_refused(refused):
    code = b"\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000
    refused(Raw(code), Format, "an integer of 1000000 bytes")


@pytest.mark.parametrize("opcode", [b"X", b"T", b"B", b"\x8b"])
def test_a_length_beyond_the_file_allocates_nothing(refused, opcode):
    refused(Raw(opcode + b"\xff\xff\xff\x7f"), Format, "2147483647 bytes")


@pytest.mark.parametrize("opcode", [b"\x8d", b"\x8e", b"\x96"])
def test_a_length_of_64_bits_allocates_nothing(refused, opcode):
    refused(Raw(opcode + b"\xff" * 8), Format, "needs 18446744073709551615 bytes")


# ---------------------------------------------------------------- malformed pickles


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"\x80\x02.", "the stack is empty"),
        (b"\x80\x02NN.", "1 values left over"),
        (b"\x80\x02(N.", "left over"),
        (b"\x80\x02t.", "a mark was required"),
        (b"\x80\x02N\x85(\x85.", "the stack is empty"),
        (b"\x80\x02h\x00.", "memo place 0 is read but not set"),
        (b"\x80\x02NNa.", "APPEND needs a list, but found NoneType"),
        (b"\x80\x02](Nu.", "SETITEMS needs a dict, but found list"),
        (b"\x80\x02}(Nu.", "a key without its value"),
        (b"\x80\x02}(N\x90.", "ADDITEMS needs a set, but found dict"),
        (b"\x80\x02U\x01\xff.", "text that is not UTF-8"),
        (b"\x80\x02\xff.", "0xff is no pickle opcode"),
        (b"\x80\x06N.", "pickle protocol 6; 2 to 5 are read"),
        (b"\x80\x02I1\n.", "the opcode INT is not one that torch.save writes"),
        (b"\x80\x02c" + b"x" * 600, "has no name of at most 511 bytes"),
        (b"\x80\x02ccollections\nOrderedDict\nNR.", "REDUCE needs a tuple of arguments"),
    ],
)
def test_a_malformed_pickle_is_refused_with_its_place(refused, code, why):
    refused(code, Format, why)


@pytest.mark.parametrize(
    "value",
    [
        Call(Name("collections", "OrderedDict"), (1,)),
        Call(Name("collections", "OrderedDict"), ([1],)),
        Call(Name("collections", "OrderedDict"), ([[1, 2, 3]],)),
        Call(Name("collections", "OrderedDict"), ([], [])),
        Call(Name("builtins", "set"), (3,)),
        Call(Name("builtins", "complex"), ("1j",)),
        Call(Name("builtins", "complex"), (1, 2)),
        Call(Name("_codecs", "encode"), ("x", "rot13")),
        Call(Name("_codecs", "encode"), ("日", "latin1")),
        Call(Name("torch", "Size"), ([1],)),
        Call(Name("torch", "Size"), (("1",),)),
        Call(Name("torch", "device"), ()),
        Call(Name("torch", "device"), ("cpu; rm -rf",)),
        Call(Name("torch", "device"), ("cuda", "0")),
        Call(Name("torch._utils", "_rebuild_tensor_v2"), (1,)),
        Call(Name("torch._utils", "_rebuild_tensor_v3"), (OF, 0, (6,), (1,), False, None, "f")),
        Call(Name("torch._utils", "_rebuild_tensor_v3"), ()),
        Call(Name("torch._utils", "_rebuild_parameter"), ("x", True, None)),
        tensor(OF, (6,), requires_grad=1),
    ],
)
def test_wrong_arguments_of_listed_names_are_refused(refused, value):
    refused(value, Format, f"{value.function.module}.{value.function.name}")


# ---------------------------------------------------------------- files of another kind


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x1f\x8b" + bytes(50), "a gzip file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"GGUF" + bytes(50), "a GGUF file"),
        (b"<!doctype html><html>", "a web page, so its download went wrong"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (bytes(257) + b"ustar\x0000" + bytes(300), "the tar header at byte 0 does not match"),
        (b"just some text", "begins with 'PK' or a pickle's 0x80, but this file with"),
        (struct.pack("<Q", 2) + b"{}" + bytes(8), "this looks like safetensors; use weft.io.load_"),
        (b"", "the file is empty"),
    ],
)
def test_a_file_of_another_format_is_refused_by_what_it_is(tmp_path, content, why):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(Format, match=re.escape(why)):
        weft.io.load_pytorch(path)


def test_a_legacy_checkpoint_of_another_version_is_refused(tmp_path):
    path = tmp_path / "v.pth"
    path.write_bytes(legacy_checkpoint([1], version=1002))
    with pytest.raises(Format, match="has version 1001, not 1002"):
        weft.io.load_pytorch(path)


@pytest.mark.parametrize("keys", [[1], {"0": 1}, ["0", "0"], ["9"], []])
def test_a_legacy_list_of_keys_that_does_not_fit_is_refused(tmp_path, keys):
    path = tmp_path / "keys.pth"
    whole = legacy_checkpoint(tensor(OF, (6,)), {"0": (6, FLOATS)})
    fitting = pickle.dumps(["0"], protocol=2)
    assert whole.count(fitting) == 1
    path.write_bytes(whole.replace(fitting, pickle.dumps(keys, protocol=2)))
    with pytest.raises(Format):
        weft.io.load_pytorch(path)


def test_a_legacy_checkpoint_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "cut.pth"
    whole = legacy_checkpoint({"w": tensor(OF, (6,))}, {"0": (6, FLOATS)})
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(Format):
            weft.io.load_pytorch(path)


def test_bytes_after_a_legacy_checkpoint_are_refused(tmp_path):
    path = tmp_path / "long.pth"
    path.write_bytes(legacy_checkpoint([1]) + b"x")
    with pytest.raises(Format, match="1 bytes follow the last storage"):
        weft.io.load_pytorch(path)


def test_every_program_of_two_opcodes_ends_in_a_value_or_a_typed_error(tmp_path):
    path = tmp_path / "two.pth"
    values = 0
    for first in range(256):
        for second in (*b".N)]}(tu0aesbRQ", 0x85, 0x8F, 0x90, 0x93, 0x94):
            path.write_bytes(zip_checkpoint(bytes([0x80, 2, first, second]) + b"."))
            try:
                weft.io.load_pytorch(path)
            except weft.io.WeightsError:
                continue
            values += 1
    assert values > 10  # the loop does reach loads that succeed


def test_the_writer_of_these_tests_is_understood_by_pickle_itself():
    """What is refused above must be refused for what it asks, not for a slip of our assembler."""
    value = {"a": [1, (2.5, None, True)], "b": OrderedDict(c="text"), 300: -(2**70)}
    assert pickle.loads(program(value)) == value
