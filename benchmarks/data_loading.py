"""Loading data: epochs over small and large samples, in this process and with workers.

A call is one epoch; the loop over it reads one number of each batch. Workers stay from epoch to
epoch but in the rows that say otherwise, and idle while another library has its turn. Only the
clock tells how fast they are: ``--processor-time`` does not count what they use.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import integers, normal


class Pairs:
    """Small samples by index: an image of 28x28 and its class, as most data sets are written."""

    def __init__(self, lib: Any) -> None:
        self.x, self.y = normal(lib, 2048, 28, 28), integers(lib, 10, 2048)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.x[index], self.y[index]


class Arrays(Pairs):
    """The same as NumPy's arrays, with the class as an int."""

    def __init__(self, lib: Any) -> None:
        super().__init__(lib)
        self.images, self.classes = self.x.numpy(), self.y.tolist()

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.images[index], self.classes[index]


class Records(Pairs):
    """Small samples as dicts of numbers and short tensors."""

    def __getitem__(self, index: int) -> Any:
        return {"row": self.x[index, 0], "class": self.y[index], "index": index, "weight": 1.0}


class Photos:
    """Large samples: images of 3x224x224, 0.6 MB each."""

    def __init__(self, lib: Any) -> None:
        self.images = normal(lib, 16, 3, 224, 224)

    def __len__(self) -> int:
        return 192

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index % 16], index


def _tensors(lib: Any) -> Any:
    pairs = Pairs(lib)
    return lib.utils.data.TensorDataset(pairs.x, pairs.y)


def _stream(lib: Any) -> Any:
    pairs = Pairs(lib)

    class Stream(lib.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            info = lib.utils.data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return (pairs[i] for i in range(first, len(pairs), step))

    return Stream()


def _last(batch: Any) -> Any:
    return batch["index"] if isinstance(batch, dict) else batch[1]


def _epoch(
    lib: Any,
    *,
    data: Callable[[Any], Any],
    workers: int,
    batch_size: int | None,
    stay: bool,
    shuffle: bool = False,
) -> Callable[[], Any]:
    importlib.import_module(f"{lib.__name__}.utils.data")
    several = {"multiprocessing_context": "fork", "persistent_workers": stay} if workers else {}
    loader = lib.utils.data.DataLoader(
        data(lib), batch_size=batch_size, shuffle=shuffle, num_workers=workers, **several
    )

    def call() -> Any:
        total = 0
        for batch in loader:
            last = _last(batch)
            total += int(last if isinstance(last, int) or not last.ndim else last[0])
        return lib.tensor([float(total)]) if not shuffle else lib.tensor([float(len(loader))])

    return call


#: Rows: the data set, the batch size, and whether the order is random.
EPOCHS: dict[str, tuple[Callable[[Any], Any], int | None, bool]] = {
    "2048 images 28x28, batch 64": (Pairs, 64, False),
    "2048 images 28x28, batch 64, shuffled": (Pairs, 64, True),
    "2048 images 28x28 as arrays, batch 64": (Arrays, 64, False),
    "2048 dicts of four values, batch 64": (Records, 64, False),
    "2048 images 28x28, one by one": (Arrays, None, False),
    "2048 rows of a TensorDataset, batch 64, shuffled": (_tensors, 64, True),
    "2048 images 28x28 of a stream, batch 64": (_stream, 64, False),
    "192 images 3x224x224, batch 32": (Photos, 32, False),
    "192 images 3x224x224, batch 4": (Photos, 4, False),
}
#: Rows in which the workers are started in each epoch.
STARTED = "2048 images 28x28, batch 64"


def cases() -> Iterator[Case]:
    """Yield the rows without workers, with one and with two."""
    for workers, suffix in ((0, ""), (1, ", 1 worker"), (2, ", 2 workers")):
        for name, (data, size, shuffle) in EPOCHS.items():
            make = functools.partial(
                _epoch, data=data, workers=workers, batch_size=size, stay=True, shuffle=shuffle
            )
            yield alike(name + suffix, make)
    data, size, _ = EPOCHS[STARTED]
    make = functools.partial(_epoch, data=data, workers=2, batch_size=size, stay=False)
    yield alike(f"{STARTED}, 2 workers started anew", make)


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
