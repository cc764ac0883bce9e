"""TorchScript archives: the weights come out by their names, the program stays where it is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import weft
from tests.core.io.torch_files import (
    Call,
    Name,
    Raw,
    assembled,
    program,
    storage,
    tensor,
    zip_checkpoint,
)

FLOATS = struct.pack("<6f", *range(6))
OF = storage("0", "FloatStorage", 6)


def module(name: str, **attributes: object) -> Raw:
    """Return an object of a TorchScript class with its attributes."""
    path, _, last = f"__torch__.{name}".rpartition(".")
    return Raw(assembled(Name(path, last)) + b")\x81" + assembled(attributes) + b"b")


@pytest.fixture
def load(tmp_path: Path):
    def run(value: object) -> dict[str, weft.Tensor]:
        path = tmp_path / "script.pt"
        extra = [
            ("archive/constants.pkl", program(())),
            ("archive/code/__torch__/evil.py", b"import os; os.system('touch executed')"),
        ]
        path.write_bytes(zip_checkpoint(value, {"0": FLOATS}, extra=extra))
        return weft.io.load_torchscript(path)

    return run


def test_tensors_come_by_their_dotted_paths(load):
    inner = module(
        "torch.nn.Linear", weight=tensor(OF, (2, 3)), bias=tensor(OF, (2,)), training=True
    )
    tree = module("Net", encoder=module("Sequential", **{"0": inner}), scale=tensor(OF, ()), n=3)
    loaded = load(tree)
    assert set(loaded) == {"scale", "encoder.0.weight", "encoder.0.bias"}
    assert loaded["encoder.0.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert not loaded["encoder.0.weight"].requires_grad


def test_lists_and_type_tags_of_torchscript_are_read_and_left_out(load):
    ints = Call(Name("torch.jit._pickle", "build_intlist"), ([8000, 16000],))
    tagged = Call(Name("torch.jit._pickle", "restore_type_tag"), ({"a": 1}, "Dict[str, int]"))
    assert list(load(module("Net", rates=ints, table=tagged, w=tensor(OF, (6,))))) == ["w"]


def test_a_class_outside_of_torchscripts_own_is_refused(load):
    with pytest.raises(weft.io.UnsafeCheckpointError, match=r"wants posix\.system"):
        load(module("Net", hook=Call(Name("posix", "system"), ("id",))))


def test_an_object_cannot_be_called_or_given_arguments(load):
    with pytest.raises(weft.io.UnsafeCheckpointError, match="nothing that may be called"):
        load(Call(Name("__torch__", "Net"), ()))
    with pytest.raises(weft.io.UnsafeCheckpointError, match="makes an object of"):
        load(Raw(assembled(Name("__torch__", "Net")) + assembled((1,)) + b"\x81"))


def test_a_module_that_holds_itself_is_refused(load):
    code = assembled(Name("__torch__", "Net")) + b")\x81q\x07}" + assembled("self") + b"h\x07sb"
    with pytest.raises(weft.io.UnsafeCheckpointError, match="holds itself"):
        load(Raw(code))


def test_shared_modules_whose_paths_multiply_are_refused(load):
    def doubling() -> Iterator[bytes]:
        yield assembled(module("Leaf", w=tensor(OF, (6,)))) + b"q\x00"
        for place in range(22):
            pair = b"(" + assembled("a") + b"h%c" % place + assembled("b") + b"h%cu" % place
            yield b"0" + assembled(Name("__torch__", "Pair")) + b")\x81}" + pair + b"b"
            yield b"q%c" % (place + 1)

    with pytest.raises(weft.io.UnsafeCheckpointError):
        load(Raw(b"".join(doubling())))


def test_an_attribute_with_a_dot_cannot_take_anothers_place(load):
    tree = module("Net", **{"a.w": tensor(OF, (1,)), "a": module("Inner", w=tensor(OF, (2,)))})
    with pytest.raises(weft.io.FormatError, match=r"two tensors are called 'a\.w'"):
        load(tree)


def test_what_is_no_module_is_refused(load):
    with pytest.raises(weft.io.FormatError, match="TorchScript keeps a module"):
        load([1])


def test_a_plain_checkpoint_is_pointed_to_its_reader(tmp_path):
    path = tmp_path / "plain.pt"
    path.write_bytes(zip_checkpoint([1]))
    with pytest.raises(weft.io.FormatError, match=r"use weft\.io\.load_pytorch"):
        weft.io.load_torchscript(path)
    path.write_bytes(b"text")
    with pytest.raises(weft.io.FormatError, match="begins with 'PK'"):
        weft.io.load_torchscript(path)


def test_a_class_name_with_terminal_escapes_is_shown_escaped(load):
    evil = assembled("__torch__.\x1b[2J") + assembled("\nNet") + b"\x93"
    for code in (evil, evil + b")\x81N" + b"b", evil + b")R"):
        with pytest.raises(weft.io.WeightsError) as caught:
            load(Raw(code))
        assert str(caught.value).isprintable()
        assert r"\x1b" in str(caught.value)
