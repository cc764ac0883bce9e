"""The loader: which batches come, what is drawn for them, which arguments do not fit."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest

import weft
from tests.core.data.material import Counting, Drawing, Failing
from weft.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)


def plain(batches):
    """Return batches as lists of numbers, to be compared bit for bit."""
    if isinstance(batches, dict):
        return {name: plain(value) for name, value in batches.items()}
    if isinstance(batches, (list, tuple)):
        return [plain(one) for one in batches]
    return batches.tolist() if isinstance(batches, weft.Tensor) else batches


def loaded(make, seed=0, epochs=1):
    weft.manual_seed(seed)
    loader = make()
    return [plain(list(loader)) for _ in range(epochs)]


def test_batches_come_in_order_and_the_last_is_smaller():
    assert plain(list(DataLoader(range(5), batch_size=2))) == [[0, 1], [2, 3], [4]]
    assert plain(list(DataLoader(range(5), batch_size=2, drop_last=True))) == [[0, 1], [2, 3]]
    assert len(DataLoader(range(5), batch_size=2)) == 3
    assert plain(list(DataLoader(range(3)))) == [[0], [1], [2]]


def test_without_batches_samples_come():
    assert list(DataLoader("abc", batch_size=None)) == ["a", "b", "c"]
    (x,) = DataLoader([np.zeros(2)], batch_size=None)
    assert isinstance(x, weft.Tensor)
    assert list(DataLoader(range(9), batch_size=None, sampler=[4, 2])) == [4, 2]


def test_shuffling_gives_every_sample_in_another_order_each_epoch():
    loader = DataLoader(range(50), batch_size=50, shuffle=True)
    (first,), (second,) = list(loader), list(loader)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(50))
    assert first.tolist() != second.tolist()


def test_one_seed_fixes_order_and_draws():
    def make():
        return DataLoader(Drawing(), batch_size=4, shuffle=True)

    assert loaded(make, 1, epochs=2) == loaded(make, 1, epochs=2)
    assert loaded(make, 1) != loaded(make, 2)


def test_a_generator_of_its_own_fixes_the_loader_alone():
    def run(seed):
        weft.manual_seed(seed)
        return plain(list(DataLoader(Drawing(), 4, shuffle=True, generator=weft.Generator(5))))

    assert run(0) == run(1)


def test_no_two_samples_draw_the_same():
    (batch,) = DataLoader(Drawing(200), batch_size=200)
    for name in ("weft", "numpy", "python"):
        assert len({str(value) for value in batch[name].tolist()}) == 200
    assert len(set(batch["weft"].flatten().tolist())) == 400


def test_an_index_that_comes_twice_draws_anew():
    (batch,) = DataLoader(Drawing(), batch_size=6, sampler=[3] * 6)
    assert len(set(batch["python"].tolist())) == 6


def test_loading_leaves_the_programs_generators_alone():
    def draws():
        return weft.rand(1).item(), np.random.randn(), random.random(), random.gauss(0, 1)

    def seed():
        weft.manual_seed(3), np.random.seed(3), random.seed(3)
        # half a pair of normals is kept, and must be kept
        return random.gauss(0, 1), np.random.randn()

    loader = DataLoader(Drawing(), batch_size=4, shuffle=True, generator=weft.Generator(1))
    seed()
    expected = [draws() for _ in range(3)]
    seed()
    batches = iter(loader)
    found = []
    for _ in range(3):
        next(batches)
        found.append(draws())
    assert found == expected


def test_a_batch_sampler_decides_alone():
    batches = [[3, 1], [], [2]]
    loader = DataLoader(list("abcd"), batch_sampler=batches, collate_fn="".join)
    assert list(loader) == ["db", "", "c"]
    assert len(loader) == 3
    assert loader.batch_size is None


def test_getitems_is_asked_for_whole_batches():
    class Whole(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [i * 10 + len(indices) for i in indices]

    assert plain(list(DataLoader(Whole(), batch_size=3))) == [[3, 13, 23], [31]]


@pytest.mark.parametrize("turned", [False, True])
def test_rows_taken_at_once_are_the_rows(turned):
    x = weft.randn(6, 5).T if turned else weft.randn(5, 6)
    y = weft.arange(5, dtype=weft.int8)
    data = Subset(TensorDataset(x, y), [4, -1, 0, 2])
    by_sample = DataLoader(data, batch_size=3, collate_fn=lambda b: weft.data.default_collate(b))
    assert plain(list(DataLoader(data, batch_size=3))) == plain(list(by_sample))
    batch = next(iter(DataLoader(data, batch_size=4)))
    batch[0].zero_()
    assert x.abs().sum() > 0


def test_rows_that_need_gradients_are_recorded():
    x = weft.ones(4, 2, requires_grad=True)
    ((batch,),) = DataLoader(TensorDataset(x), batch_size=4)
    batch.sum().backward()
    assert x.grad.tolist() == [[1, 1]] * 4


def test_an_index_out_of_range_is_an_error():
    with pytest.raises(IndexError):
        list(DataLoader(TensorDataset(weft.zeros(3)), batch_size=2, sampler=[0, 3]))


def test_after_an_error_the_next_batch_comes():
    batches = iter(DataLoader(Failing("raise", bad=1), batch_size=1))
    next(batches)
    with pytest.raises(ValueError, match="no sample 1"):
        next(batches)
    assert next(batches)[0, 0, 0].item() == 2


def test_a_data_set_that_raises_stop_iteration_does_not_end_the_loop_silently():
    with pytest.raises(RuntimeError, match=r"raised StopIteration for indices \[5\]"):
        list(DataLoader(Failing("stop")))


def test_streams_are_batched():
    values = [batch[0].tolist() for batch in DataLoader(Counting(5), batch_size=2)]
    assert values == [[0, 1], [2, 3], [4]]
    values = [b[0].tolist() for b in DataLoader(Counting(5), batch_size=2, drop_last=True)]
    assert values == [[0, 1], [2, 3]]
    assert [sample[0] for sample in DataLoader(Counting(3), batch_size=None)] == [0, 1, 2]


def test_a_stream_longer_than_it_says_warns():
    class Lying(IterableDataset):
        def __iter__(self):
            return iter(range(4))

        def __len__(self):
            return 2

    loader = DataLoader(Lying())
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="len.. of the data set Lying was 2 .* but 3 batches"):
        list(loader)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"num_workers": -1}, ValueError, "num_workers must be at least 0.*got -1"),
        ({"timeout": -1}, ValueError, "timeout must be at least 0 seconds, got -1"),
        ({"prefetch_factor": 2}, ValueError, "prefetch_factor=2 needs workers"),
        ({"num_workers": 1, "prefetch_factor": 0}, ValueError, "at least 1, got 0"),
        ({"persistent_workers": True}, ValueError, "needs num_workers > 0"),
        ({"shuffle": True, "sampler": [0]}, ValueError, "sampler and shuffle exclude"),
        ({"batch_size": 2, "batch_sampler": [[0]]}, ValueError, "got batch_size=2, shuffle=None"),
        ({"batch_size": None, "drop_last": True}, ValueError, "batch_size=None yields samples"),
        ({"batch_size": 0}, ValueError, "batch_size must be a positive int, got 0"),
        ({"multiprocessing_context": "fork"}, ValueError, "needs num_workers > 0, got 0"),
        (
            {"multiprocessing_context": "spwan", "num_workers": 1},
            ValueError,
            "got 'spwan'; did you mean 'spawn'",
        ),
        ({"multiprocessing_context": 3, "num_workers": 1}, TypeError, "got int 3"),
    ],
)
def test_arguments_that_do_not_fit_are_named(settings, error, said):
    with pytest.raises(error, match=said):
        DataLoader(range(3), **settings)


@pytest.mark.parametrize("name", ["shuffle", "sampler", "batch_sampler"])
def test_a_stream_takes_no_order(name):
    value = {"shuffle": True, "sampler": [0], "batch_sampler": [[0]]}[name]
    with pytest.raises(ValueError, match=f"in its own order; {name} must be left out"):
        DataLoader(Counting(), **{name: value})


def test_what_an_epoch_consists_of_stays():
    loader = DataLoader(range(3))
    with pytest.raises(ValueError, match="batch_size cannot be set after"):
        loader.batch_size = 2
    loader.timeout = 0.0


def test_more_workers_than_processors_warn():
    with pytest.warns(UserWarning, match="num_workers=5000, but this process may use"):
        DataLoader(range(3), num_workers=5000)


def test_pinned_memory_is_taken_and_changes_nothing():
    assert plain(list(DataLoader(range(2), pin_memory=True, pin_memory_device="cuda"))) == [
        [0],
        [1],
    ]


def test_a_loader_can_be_copied_and_pickled_but_not_its_iterator():
    loader = DataLoader(Drawing(), batch_size=4)
    batches = iter(loader)
    next(batches)
    assert len(list(pickle.loads(pickle.dumps(loader)))) == 6
    assert len(list(copy.copy(loader))) == 6
    with pytest.raises(TypeError, match="state_dict"):
        pickle.dumps(batches)


class Backwards(Sampler):
    """Draws from every global generator while it yields."""

    def __iter__(self):
        for i in range(6):
            yield i, round(random.random() + np.random.rand() + weft.rand(1).item(), 9)


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: RandomSampler(range(30)),
        lambda: WeightedRandomSampler([1.0, 2.0, 3.0], 30),
        lambda: Backwards(),
        lambda: BatchSampler(Backwards(), 2, False),
    ],
)
def test_the_order_does_not_depend_on_what_else_is_drawn(sampler):
    def order(disturb):
        weft.manual_seed(4)
        found = []
        for index in DataLoader(_Echo(), batch_size=None, sampler=sampler()):
            found.append(plain(index))
            if disturb:
                random.random(), np.random.rand(3), weft.rand(2)
        return found

    assert order(False) == order(True)


class _Echo(Dataset):
    def __getitem__(self, index):
        return index


def test_one_module_has_both_names():
    import weft.utils.data

    assert weft.utils.data.DataLoader is DataLoader
    with pytest.raises(AttributeError, match="did you mean 'DataLoader'"):
        _ = weft.data.Dataloader


def test_importing_weft_does_not_load_it():
    code = "import sys, weft; print('weft.data' in sys.modules, 'multiprocessing' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_programs_written_for_torch_find_the_names():
    from weft.compat.torch import alias

    with alias():
        import torch
        from torch.utils.data import DataLoader as Theirs
        from torch.utils.data._utils.collate import default_collate, default_collate_fn_map
        from torch.utils.data.dataloader import default_collate as other
        from torch.utils.data.dataset import Subset as TheirSubset
        from torch.utils.data.distributed import DistributedSampler
        from torch.utils.data.sampler import RandomSampler as TheirRandom

        assert torch.utils.data.get_worker_info() is None
        assert torch.utils.data._utils.worker.get_worker_info() is None
    assert Theirs is DataLoader
    assert default_collate is other is weft.data.default_collate
    assert default_collate_fn_map is weft.data.default_collate_fn_map
    assert (TheirSubset, TheirRandom) == (Subset, RandomSampler)
    assert DistributedSampler is weft.data.DistributedSampler


def test_no_process_was_started():
    assert multiprocessing.active_children() == []
