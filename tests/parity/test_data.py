"""Data loading beside PyTorch's: lengths, batches, structures, the order of streams, errors."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest
import torch
import torch.utils.data

import weft
import weft.data

Pair = collections.namedtuple("Pair", "x y")
BOTH = ((weft, weft.data), (torch, torch.utils.data))


def plain(value):
    """Return a batch as numbers and containers, with the dtypes of its tensors."""
    if isinstance(value, (weft.Tensor, torch.Tensor)):
        return str(value.dtype).rpartition(".")[2], value.tolist()
    if isinstance(value, dict):
        return type(value), {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [plain(one) for one in value]
    return value


@pytest.mark.parametrize(
    ("size", "drop", "number"),
    list(itertools.product([None, 1, 3, 5, 20], [False, True], [1, 9, 10])),
)
def test_batches_and_lengths(size, drop, number):
    drop = drop and size is not None  # otherwise refused by both: see test_both_refuse
    found = []
    for _, data in BOTH:
        loader = data.DataLoader(range(number), batch_size=size, drop_last=drop)
        found.append((len(loader), plain(list(loader))))
    assert found[0] == found[1]


def samples(lib):
    return [
        lib.ones(2, 3),
        lib.tensor(4),
        np.arange(3, dtype=np.int32),
        np.float32(2.5),
        np.bool_(True),
        7,
        True,
        1.5,
        "text",
        b"bytes",
        (1, 2.0),
        [1, lib.zeros(2)],
        {"a": 1, "b": {"c": (2.0, "d")}},
        collections.OrderedDict(z=1, a=lib.ones(1)),
        Pair(1, lib.ones(2)),
        range(3),
        [[1, 2], [3, 4]],
        (np.zeros((2, 0)), np.array(3.0)),
    ]


@pytest.mark.parametrize("which", range(18))
@pytest.mark.parametrize("count", [1, 3])
def test_structures(which, count):
    ours, theirs = (
        plain(data.default_collate([samples(lib)[which]] * count)) for lib, data in BOTH
    )
    assert ours == theirs
    ours, theirs = (plain(data.default_convert(samples(lib)[which])) for lib, data in BOTH)
    assert ours == theirs


@pytest.mark.parametrize(
    "batch",
    [
        lambda lib: [lib.zeros(2), lib.zeros(3)],
        lambda lib: [[1], [1, 2]],
        lambda lib: [object()],
        lambda lib: [None],
        lambda lib: [np.array(["a"])],
        lambda lib: [{"a": 1}, {"b": 1}],
        lambda lib: [np.array([None])],
    ],
)
def test_what_cannot_be_collated_raises_the_same_kind(batch):
    with pytest.raises(Exception) as theirs:
        torch.utils.data.default_collate(batch(torch))
    with pytest.raises(theirs.type):
        weft.data.default_collate(batch(weft))


@pytest.mark.parametrize(
    "settings",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"multiprocessing_context": "fork"},
        {"multiprocessing_context": "none", "num_workers": 1},
        {"multiprocessing_context": 1, "num_workers": 1},
    ],
)
def test_both_refuse(settings):
    for _, data in BOTH:
        with pytest.raises((ValueError, TypeError)):
            data.DataLoader(range(3), **settings)


@pytest.mark.parametrize("lengths", [[3, 7], [0.3, 0.7], [1 / 3, 1 / 3, 1 / 3], [0.25, 0.5, 0.25]])
def test_lengths_of_random_splits(lengths):
    ours, theirs = (
        [len(part) for part in data.random_split(range(10), lengths)] for _, data in BOTH
    )
    assert ours == theirs


@pytest.mark.parametrize("number", [1, 5, 8, 9])
@pytest.mark.parametrize("drop", [False, True])
def test_shares_of_a_distributed_sampler(number, drop):
    for rank in range(4):
        ours, theirs = (
            list(data.DistributedSampler(range(number), 4, rank, shuffle=False, drop_last=drop))
            for _, data in BOTH
        )
        assert ours == theirs


def stream(data, lengths):
    """Return a stream that gives worker i ``lengths[i]`` numbers."""

    class Stream(data.IterableDataset):
        def __iter__(self):
            info = data.get_worker_info()
            which = 0 if info is None else info.id
            return iter(range(100 * which, 100 * which + lengths[which]))

    return Stream()


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("lengths", [(7, 7), (1, 9), (9, 1), (0, 5)])
@pytest.mark.parametrize("drop", [False, True])
def test_the_order_of_streams(workers, lengths, drop):
    several = {"num_workers": workers, "multiprocessing_context": "fork"} if workers else {}
    ours, theirs = (
        [
            batch.tolist()
            for batch in data.DataLoader(
                stream(data, lengths), batch_size=2, drop_last=drop, **several
            )
        ]
        for _, data in BOTH
    )
    assert ours == theirs


def test_every_public_name_is_there_or_a_pipe():
    absent = set(torch.utils.data.__all__) - set(weft.data.__all__)
    pipes = {
        "DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "argument_validation",
        "functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic",
        "runtime_validation", "runtime_validation_disabled", "_DatasetKind",
    }  # fmt: skip
    assert absent == pipes
