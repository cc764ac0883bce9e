"""Packed and padded sequences, and recurrent networks over them, beside torch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

import weft
from tests.parity.module_pairs import Pair, arrays, close, flattened, tensors

LENGTHS = [(4, 2, 3), (5, 3, 3, 1), (2, 2), (1,)]
OURS, THEIRS = weft.nn.utils.rnn, torch.nn.utils.rnn
LIBRARIES = ((weft, OURS), (torch, THEIRS))


def fields(packed: Any) -> list[Any]:
    """Return what a packed sequence holds, as lists."""
    return [None if x is None else x.tolist() for x in packed]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("trailing", [(), (2,), (2, 3)])
def test_packing_and_padding_again_agree(
    lengths: tuple[int, ...], batch_first: bool, trailing: tuple[int, ...]
) -> None:
    leading = (len(lengths), 6) if batch_first else (6, len(lengths))
    (data,) = arrays((*leading, *trailing))
    results = []
    for library, rnn in LIBRARIES:
        x = tensors(library, data)
        packed = rnn.pack_padded_sequence(x, list(lengths), batch_first, enforce_sorted=False)
        assert type(packed) is rnn.PackedSequence
        out, found = rnn.pad_packed_sequence(packed, not batch_first, 7.0, total_length=8)
        again, _ = rnn.pad_packed_sequence(packed)
        slope = library.autograd.grad((out * out).sum() + again.sin().sum(), [x])
        results.append([*packed, out, found, again, *slope])
    close(*results)


@pytest.mark.parametrize("lengths", [(4, 3, 3, 1), (2, 2)])
def test_sorted_sequences_need_no_order(lengths: tuple[int, ...]) -> None:
    data = arrays((max(lengths), len(lengths), 2))[0]
    packs = []
    for library, rnn in LIBRARIES:
        for given in (list(lengths), library.tensor(lengths), library.tensor(lengths).int()):
            packs.append(fields(rnn.pack_padded_sequence(tensors(library, data), given)))
    assert all(one == packs[0] for one in packs)
    assert packs[0][2:] == [None, None]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("lengths", [*LENGTHS, (3, 0)], ids=str)
def test_padding_lists_agrees(lengths: tuple[int, ...], side: str, batch_first: bool) -> None:
    data = arrays(*((n, 2) for n in lengths))
    results = []
    for library, rnn in LIBRARIES:
        given = tensors(library, data)
        out = rnn.pad_sequence(given, batch_first, -1.5, side)
        results.append([out, *library.autograd.grad((out * out).sum(), given)])
    close(*results)
    if side == "right":
        again = [
            rnn.unpad_sequence(result[0], library.tensor(lengths), batch_first)
            for (library, rnn), result in zip(LIBRARIES, results, strict=True)
        ]
        close(*again)


def test_padding_keeps_the_first_dtype_and_takes_a_tensor() -> None:
    for library, rnn in LIBRARIES:
        mixed = rnn.pad_sequence([library.ones(2), library.ones(1, dtype=library.int64)])
        assert mixed.tolist() == [[1, 1], [1, 0]]
        assert str(mixed.dtype).endswith("float32")
        assert rnn.pad_sequence(library.ones(2, 3)).tolist() == [[1, 1]] * 3


def test_lists_are_packed_and_unpacked() -> None:
    data = arrays((2, 3), (4, 3), (1, 3))
    for library, rnn in LIBRARIES:
        packed = rnn.pack_sequence(tensors(library, data), enforce_sorted=False)
        close(rnn.unpack_sequence(packed), [torch.from_numpy(x) for x in data])
    assert repr(OURS.pack_sequence([weft.arange(3), weft.arange(2)])) == repr(
        THEIRS.pack_sequence([torch.arange(3), torch.arange(2)])
    )


def test_permutations_are_inverted() -> None:
    for library, rnn in LIBRARIES:
        assert rnn.invert_permutation(None) is None
        assert rnn.invert_permutation(library.tensor([2, 0, 1])).tolist() == [1, 2, 0]


def test_a_packed_sequence_is_converted_and_copied() -> None:
    for library, rnn in LIBRARIES:
        packed = rnn.pack_sequence([library.ones(1, 2), library.ones(3, 2)], enforce_sorted=False)
        for name in ("double", "half", "long", "int", "short", "char", "byte", "float", "cpu"):
            changed = getattr(packed, name)()
            assert type(changed) is rnn.PackedSequence
            assert changed.data.dtype == getattr(packed.data, name)().dtype
            assert changed.sorted_indices.tolist() == [1, 0]
        assert packed.to(packed.data.dtype) is packed
        assert packed.to(library.float64).data.dtype == library.float64
        assert not packed.is_cuda
        assert len(packed) == 4
        for again in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
            assert type(again) is rnn.PackedSequence
            assert fields(again) == fields(packed)
        by_hand = rnn.PackedSequence(
            library.ones(3), library.tensor([2, 1]), library.tensor([1, 0])
        )
        assert by_hand.unsorted_indices.tolist() == [1, 0]


@pytest.mark.parametrize("enforce_sorted", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}],
    ids=str,
)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "LSTM with projection"])
def test_recurrent_networks_agree_over_packed_sequences(
    kind: str, options: dict[str, Any], enforce_sorted: bool
) -> None:
    name, _, projected = kind.partition(" ")
    more = {"proj_size": 2} if projected else {}
    pair = Pair(lambda m: getattr(m.nn, name)(3, 4, **options, **more))
    lengths = (4, 2, 1) if enforce_sorted else (2, 4, 3)
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    data = arrays(*((n, 3) for n in lengths))
    sizes = ([2, 4] if projected else [4, 4])[: 2 if name == "LSTM" else 1]
    starts = arrays(*((rows, 3, size) for size in sizes), seed=1)
    results: list[list[Any]] = []
    for (library, rnn), module in zip(LIBRARIES, (pair.ours, pair.theirs), strict=True):
        given, states = tensors(library, data), tensors(library, starts)
        results.append([])
        for start in (None, tuple(states) if name == "LSTM" else states[0]):
            packed = rnn.pack_sequence(given, enforce_sorted=enforce_sorted)
            out, last = module(packed, start)
            assert type(out) is rnn.PackedSequence
            parts = [out.data, *flattened(last)]
            total = sum((part * part.detach().cos()).sum() for part in parts)
            wanted = [*given, *(states if start is not None else []), *module.parameters()]
            results[-1] += [fields(out)[1:], *parts, *library.autograd.grad(total, wanted)]
    for mine, other in zip(*results, strict=True):
        if isinstance(other, list):
            assert mine == other
        else:
            close(mine, other)


def test_a_packed_batch_gives_what_each_sequence_gives_alone() -> None:
    net = weft.nn.GRU(3, 4, bidirectional=True).double()
    given = [weft.rand(n, 3, dtype=weft.float64) for n in (2, 5, 3)]
    out, last = net(OURS.pack_sequence(given, enforce_sorted=False))
    for i, (x, own) in enumerate(zip(given, OURS.unpack_sequence(out), strict=True)):
        alone, state = net(x)
        assert weft.allclose(own, alone, atol=1e-12)
        assert weft.allclose(last[:, i], state, atol=1e-12)


MISTAKES: list[tuple[str, Any, type[Exception], str]] = [
    (
        "order",
        lambda r: r.pack_sequence([weft.ones(1), weft.ones(2)]),
        RuntimeError,
        "enforce_sorted=False",
    ),
    ("none", lambda r: r.pad_sequence([]), RuntimeError, "at least one sequence"),
    ("side", lambda r: r.pad_sequence([weft.ones(1)], padding_side="up"), ValueError, "'up'"),
    (
        "shapes",
        lambda r: r.pad_sequence([weft.ones(1, 2), weft.ones(1, 3)]),
        RuntimeError,
        r"\(1, 2\) at 0 and \(1, 3\) at 1",
    ),
    ("zero", lambda r: r.pack_padded_sequence(weft.ones(3, 2), [3, 0]), RuntimeError, "positive"),
    ("long", lambda r: r.pack_padded_sequence(weft.ones(3, 2), [4, 1]), RuntimeError, "at most"),
    (
        "count",
        lambda r: r.pack_padded_sequence(weft.ones(3, 2), [3]),
        RuntimeError,
        "each of the 2 sequences",
    ),
    (
        "total",
        lambda r: r.pad_packed_sequence(r.pack_sequence([weft.ones(3)]), total_length=2),
        ValueError,
        "longest sequence's 3",
    ),
    ("alone", lambda r: r.PackedSequence(weft.ones(3)), TypeError, "batch_sizes"),
    (
        "features",
        lambda r: weft.nn.GRU(2, 3)(r.pack_sequence([weft.ones(3, 4)])),
        ValueError,
        "2 features",
    ),
    (
        "state",
        lambda r: weft.nn.GRU(2, 3)(r.pack_sequence([weft.ones(3, 2)]), weft.ones(1, 2, 3)),
        ValueError,
        r"\(1, 1, 3\)",
    ),
]


@pytest.mark.parametrize(
    ("what", "call", "error", "message"), MISTAKES, ids=[m[0] for m in MISTAKES]
)
def test_mistakes_are_named(what: str, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(OURS)
