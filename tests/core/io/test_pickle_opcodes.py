"""Our decoder of pickles against Python's own, opcode by opcode."""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict

import pytest

from tests.core.io.torch_files import program, storage, tensor
from weft.io._pickle_machine import _STEPS
from weft.io._pickle_opcodes import _DANGEROUS, _OTHER, _TABLE, opcodes

VALUES = {
    "numbers": [0, 255, 256, 65535, 65536, -1, 2**31, -(2**100), 1.5, -0.0, float("nan")],
    "text": ["", "x", "naïve", "日本語", "x" * 300, "x" * 70_000],
    "bytes": [b"", b"x" * 300, bytearray(b"abc")],
    "containers": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], {}, {1: 2}, {1, 2}],
    "shared": [[shared := ["s"], shared], {"a": shared, "b": shared}],
    "many": list(range(2500)),
    "ordered": OrderedDict(a=1),
    "flags": [None, True, False],
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", VALUES)
def test_our_decoder_agrees_with_pickletools(name, protocol):
    code = pickle.dumps(VALUES[name], protocol=protocol)
    ours = list(opcodes(memoryview(code), "here"))
    theirs = list(pickletools.genops(code))
    assert [(name, position) for name, _, position in ours] == [
        (op.name, at) for op, _, at in theirs
    ]
    for (_, mine, _), (op, argument, _) in zip(ours, theirs, strict=True):
        if op.name == "GLOBAL":
            assert " ".join(mine) == argument
        else:
            assert repr(mine) == repr(
                bytes(argument) if isinstance(argument, bytearray) else argument
            )


def test_the_pickle_of_a_tensor_is_decoded_as_pickletools_decodes_it():
    code = program({"w": tensor(storage("0", "FloatStorage", 6), (2, 3))})
    ours = [(name, position) for name, _, position in opcodes(memoryview(code), "here")]
    assert ours == [(op.name, position) for op, _, position in pickletools.genops(code)]


def test_every_opcode_of_python_is_known_under_its_own_name():
    theirs = {ord(op.code): op.name for op in pickletools.opcodes}
    ours = {byte: name for byte, (name, _) in _TABLE.items()} | _DANGEROUS | _OTHER
    assert ours == theirs
    assert len(_TABLE) + len(_DANGEROUS) + len(_OTHER) == len(theirs)


def test_the_machine_has_a_step_for_every_opcode_that_is_decoded():
    assert _STEPS.keys() == {name for name, _ in _TABLE.values()}
