"""Resuming: after ``load_state_dict`` the batches are bit for bit those that would have come."""

from __future__ import annotations

import json

import pytest

import weft
from tests.core.data.material import Counting, Drawing, Failing, Remembering, WithIterator
from tests.core.data.test_loader import plain
from weft.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


class Walking(Sampler):
    """A sampler with a random state of its own, which it can save."""

    def __init__(self) -> None:
        self.generator = weft.Generator(9)

    def __iter__(self):
        for _ in range(20):
            yield weft.randint(23, (1,), generator=self.generator).item()

    def __len__(self):
        return 20

    def state_dict(self):
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state):
        self.generator.set_state(state["generator"])


KINDS = {
    "in order": lambda **s: DataLoader(Drawing(), 4, **s),
    "shuffled": lambda **s: DataLoader(Drawing(), 4, shuffle=True, **s),
    "own generator": lambda **s: DataLoader(
        Drawing(), 4, shuffle=True, generator=weft.Generator(7), **s
    ),
    "weighted": lambda **s: DataLoader(
        Drawing(), 4, sampler=WeightedRandomSampler([1.0, 2.0] * 11, 25), **s
    ),
    "weighted, own generator": lambda **s: DataLoader(
        Drawing(),
        4,
        sampler=WeightedRandomSampler([1.0, 2.0] * 11, 25, generator=weft.Generator(2)),
        **s,
    ),
    "with replacement": lambda **s: DataLoader(
        Drawing(), 4, sampler=RandomSampler(range(23), True, 25), **s
    ),
    "subset": lambda **s: DataLoader(Drawing(), 4, sampler=SubsetRandomSampler(range(17)), **s),
    "distributed": lambda **s: DataLoader(
        Drawing(), 2, sampler=DistributedSampler(range(23), 2, 1), **s
    ),
    "custom sampler": lambda **s: DataLoader(Drawing(), 4, sampler=Walking(), **s),
    "batch sampler": lambda **s: DataLoader(
        Drawing(), batch_sampler=BatchSampler(Walking(), 3, False), **s
    ),
    "samples": lambda **s: DataLoader(Drawing(), None, shuffle=True, **s),
    "stream": lambda **s: DataLoader(Counting(), 2, **s),
    "stream of samples": lambda **s: DataLoader(Counting(), None, **s),
    "stream with a state": lambda **s: DataLoader(Remembering(), 2, **s),
    "stream with an iterator's state": lambda **s: DataLoader(WithIterator(), 2, **s),
    "stream, full batches": lambda **s: DataLoader(Counting(), 3, drop_last=True, **s),
}


def workers(count: int) -> dict[str, object]:
    return {"num_workers": count, "multiprocessing_context": "fork"} if count else {}


def run(kind: str, count: int, stop: int) -> tuple[list, dict, object]:
    """Return all batches of two epochs, and the states after some batches of the first."""
    weft.manual_seed(11)
    loader = KINDS[kind](**workers(count))
    batches, state = [], {}
    for number, batch in enumerate(loader, 1):
        batches.append(plain(batch))
        if number == stop:
            state = loader.state_dict()
            drawn = weft.get_rng_state()
    return [*batches, *map(plain, loader)], state, drawn


def resumed(kind: str, count: int, state: dict, drawn) -> list:
    weft.manual_seed(99)
    loader = KINDS[kind](**workers(count))
    loader.load_state_dict(state)
    weft.set_rng_state(drawn)
    return [*map(plain, loader), *map(plain, loader)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_rest_of_the_epoch_and_the_next_come_as_they_would_have(kind, count):
    batches, state, drawn = run(kind, count, 3)
    assert resumed(kind, count, state, drawn) == batches[3:]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0, 2),
        pytest.param(2, 0, marks=pytest.mark.slow),
        pytest.param(1, 2, marks=pytest.mark.slow),
        (2, 1),
    ],
)
def test_another_number_of_workers_goes_on_the_same(kind, before, after):
    batches, state, drawn = run(kind, before, 3)
    found = resumed(kind, after, state, drawn)
    if kind.startswith("stream"):  # the next epoch has as many streams as workers
        loader_rest = len(found) if before == after else _rest(kind, before)
        assert found[:loader_rest] == batches[3 : 3 + loader_rest]
    else:
        assert found == batches[3:]


def _rest(kind: str, count: int) -> int:
    """Return how many batches an epoch has after the third."""
    return len(list(KINDS[kind](**workers(count)))) - 3


def test_a_stream_that_saves_its_state_is_not_asked_for_what_was_seen():
    class Counted(Remembering):
        asked = 0

        def __iter__(self):
            for sample in super().__iter__():
                Counted.asked += 1
                yield sample

    loader = DataLoader(Counted(), 2)
    batches = iter(loader)
    next(batches), next(batches)
    state = loader.state_dict()
    Counted.asked = 0
    other = DataLoader(Counted(), 2)
    other.load_state_dict(state)
    assert next(iter(other))[0].tolist() == [4, 5]
    assert Counted.asked == 2


@pytest.mark.parametrize("count", [0, 2])
def test_after_the_last_batch_nothing_is_left_of_the_epoch(count):
    loader = DataLoader(range(6), 2, **workers(count))
    for number, _ in enumerate(loader, 1):
        if number == 3:
            state = loader.state_dict()
    other = DataLoader(range(6), 2, **workers(count))
    other.load_state_dict(state)
    assert list(other) == []
    assert len(list(other)) == 3


def test_between_epochs_the_next_begins():
    def make():
        return DataLoader(range(20), 5, shuffle=True, generator=weft.Generator(3))

    loader = make()
    list(loader)
    state = loader.state_dict()
    other = make()
    other.load_state_dict(state)
    assert plain(list(other)) == plain(list(loader))


def test_a_state_before_the_first_epoch_is_its_beginning():
    loader = DataLoader(range(20), 5, shuffle=True, generator=weft.Generator(3))
    state = loader.state_dict()
    expected = plain(list(loader))
    loader.load_state_dict(state)
    assert loader.state_dict() == state or loader.state_dict()["seed"] is None
    assert plain(list(loader)) == expected


def test_a_resumed_loader_can_be_saved_again():
    batches, state, drawn = run("shuffled", 0, 2)
    loader = KINDS["shuffled"]()
    loader.load_state_dict(state)
    next(iter(loader))
    assert resumed("shuffled", 2, loader.state_dict(), drawn) == batches[3:]


def test_persistent_workers_resume_too():
    batches, state, drawn = run("shuffled", 2, 3)
    weft.set_rng_state(drawn)
    loader = KINDS["shuffled"](**workers(2), persistent_workers=True)
    loader.load_state_dict(state)
    assert [*map(plain, loader), *map(plain, loader)] == batches[3:]


def test_out_of_order_the_rest_comes_once():
    def make():
        return DataLoader(_Uneven(), 1, in_order=False, **workers(2))

    loader, seen = make(), []
    for batch in loader:
        seen += batch.tolist()
        if len(seen) == 4:
            state = loader.state_dict()
            break
    other = make()
    other.load_state_dict(state)
    assert sorted(seen + [i for batch in other for i in batch.tolist()]) == list(range(12))


class _Uneven(Failing):
    def __init__(self):
        super().__init__("none")

    def __getitem__(self, index):
        import time

        time.sleep(0.1 if index in (0, 6) else 0)
        return index


def test_a_state_is_made_of_plain_values_and_tensors():
    _, state, _ = run("shuffled", 2, 3)
    assert json.loads(json.dumps(state)) == state
    _, state, _ = run("own generator", 0, 3)
    assert isinstance(state["generator"], weft.Tensor)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "batch_size, batches, beyond, epoch"),
        (3, "expected what state_dict.. returned"),
    ],
)
def test_what_is_no_state_is_refused(state, said):
    with pytest.raises(ValueError, match=said):
        DataLoader(range(3)).load_state_dict(state)


def test_a_state_of_another_loader_is_refused():
    state = DataLoader(range(6), 2).state_dict()
    with pytest.raises(
        ValueError, match="saved with batch_size=2, but this loader has batch_size=3"
    ):
        DataLoader(range(6), 3).load_state_dict(state)
    with pytest.raises(ValueError, match="saved with length=6, but this loader has length=7"):
        DataLoader(range(7), 2).load_state_dict(state)
    with pytest.raises(ValueError, match="this weft reads version 1"):
        DataLoader(range(6), 2).load_state_dict({**state, "version": 2})
