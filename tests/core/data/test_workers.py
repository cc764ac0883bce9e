"""Worker processes: the same batches, shared memory, and every way to end."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import weft
from tests.core.data import material
from tests.core.data.material import Counting, Drawing, Failing, Large, Where
from tests.core.data.test_loader import loaded, plain
from weft.data import DataLoader, RandomSampler, WeightedRandomSampler

METHODS = multiprocessing.get_all_start_methods()
ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses signals of Unix")


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Fail if a test leaves a process or an open file behind."""
    before = open_files()
    yield
    gc.collect()
    assert multiprocessing.active_children() == []
    assert open_files() <= before


def open_files() -> set[str]:
    """Return the shared memory and sockets that this process has open or mapped."""
    folder = Path("/proc/self")
    if not folder.exists():
        return set()
    mapped = {line.split()[4] for line in _lines(folder / "maps") if "memfd:weft-data" in line}
    sockets = set()
    for file in (folder / "fd").iterdir():
        try:
            target = os.readlink(file)
        except OSError:
            continue
        if "socket:" in target or "weft-data" in target:
            sockets.add(target)
    return mapped | sockets


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def fork(dataset, *args, **settings):
    settings.setdefault("num_workers", 2)
    return DataLoader(dataset, *args, multiprocessing_context="fork", **settings)


@pytest.mark.parametrize(
    "order",
    [
        {"batch_size": 4},
        {"batch_size": 4, "shuffle": True},
        {"batch_size": 4, "sampler": WeightedRandomSampler([1.0] * 23, 30)},
        {"batch_size": 4, "sampler": RandomSampler(range(23), True, 30)},
        {"batch_size": None},
    ],
    ids=["in order", "shuffled", "weighted", "with replacement", "samples"],
)
def test_batches_and_draws_do_not_depend_on_the_number_of_workers(order):
    expected = loaded(lambda: DataLoader(Drawing(), **order), epochs=2)
    for workers in (1, 2):
        assert (
            loaded(lambda n=workers: fork(Drawing(), num_workers=n, **order), epochs=2) == expected
        )


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_start_method_gives_the_same(method):
    def make(**settings):
        return DataLoader(Drawing(), batch_size=4, shuffle=True, **settings)

    expected = loaded(make, epochs=2)
    found = loaded(
        lambda: make(num_workers=2, multiprocessing_context=method, persistent_workers=True),
        epochs=2,
    )
    assert found == expected


def test_each_worker_knows_itself_and_has_one_thread():
    seen = list(fork(Where(), batch_size=None))
    assert [one[0] for one in seen] == [0, 1] * 4
    assert {one[1] for one in seen} == {2}
    assert len({one[2] for one in seen} - {os.getpid()}) == 2
    assert {one[3] for one in seen} == {1}
    assert weft.data.get_worker_info() is None


def test_persistent_workers_stay_and_are_gone_with_the_loader():
    loader = fork(Where(), batch_size=None, persistent_workers=True)
    first = {one[2] for one in loader}
    assert first == {one[2] for one in loader}
    assert len(multiprocessing.active_children()) == 2
    del loader
    assert multiprocessing.active_children() == []


def test_an_epoch_that_was_left_does_not_show_in_the_next():
    loader = fork(Large(), batch_size=4, persistent_workers=True)
    for batch in loader:
        assert batch[1].tolist() == [0, 1, 2, 3]
        break
    assert [i for batch in loader for i in batch[1].tolist()] == list(range(40))


def test_leaving_the_loop_ends_the_workers():
    for _ in fork(Large(), batch_size=4):
        assert len(multiprocessing.active_children()) == 2
        break
    assert multiprocessing.active_children() == []


def test_large_tensors_come_in_shared_memory_that_is_used_again():
    addresses = set()
    for x, index in fork(Large(), batch_size=1, num_workers=1):
        assert x[0].tolist() == [float(index)] * 10000
        address = x.untyped_storage().data_ptr()
        maps = [line.split() for line in _lines(Path("/proc/self/maps")) if "weft-data" in line]
        ranges = [tuple(int(end, 16) for end in line[0].split("-")) for line in maps]
        assert any(low <= address < high for low, high in ranges)
        addresses.add(address)
        x.add_(1)  # it belongs to the loop alone
        del x
    assert len(addresses) <= 5


def test_batches_that_are_kept_keep_their_values():
    kept = list(fork(Large(), batch_size=3))
    views = [x[:, 5:7] for x, _ in kept]
    for number, (x, index) in enumerate(kept):
        assert index.tolist() == list(range(3 * number, min(3 * number + 3, 40)))
        assert weft.equal(x[:, 0].long(), index)
    del kept, x
    assert [view[0, 0].item() for view in views] == list(range(0, 40, 3))


def test_collate_fn_of_the_user_runs_in_the_worker():
    (first, *_) = fork(Large(), batch_size=2, collate_fn=material.doubled)
    assert first[1, 0].item() == 2


def test_worker_init_fn_sees_its_copy_of_the_data_set():
    data = Drawing()
    list(fork(data, batch_size=None, sampler=[0, 1], worker_init_fn=material.shift))
    with pytest.raises(IndexError):
        list(fork(data, batch_size=None, sampler=[10], worker_init_fn=material.shift))
    assert data.length == 23


def test_an_error_of_worker_init_fn_is_raised():
    def init(worker):
        raise OSError(f"no file for {worker}")

    with pytest.raises(OSError, match="no file for 0"):
        list(fork(Drawing(), worker_init_fn=init))


def test_streams_share_the_work_and_end_one_by_one():
    batches = [b[0].tolist() for b in fork(Counting(7), batch_size=2)]
    assert batches == [[0, 2], [1, 3], [4, 6], [5]]


def test_out_of_order_every_batch_comes_once():
    class Slow(Drawing):
        def __getitem__(self, index):
            if index == 0:
                time.sleep(0.3)
            return index

    found = plain(list(fork(Slow(), batch_size=1, in_order=False)))
    assert sorted(found) == [[i] for i in range(23)]
    assert found[0] != [0]
    streams = plain(list(fork(Counting(9), batch_size=2, in_order=False)))
    assert sorted(i for batch in streams for i in batch[0]) == list(range(9))


def test_an_error_comes_as_it_was_with_the_workers_traceback():
    with pytest.raises(ValueError, match="no sample 5") as caught:
        list(fork(Failing("raise"), batch_size=2))
    (note,) = caught.value.__notes__
    assert "in worker 0 (pid " in note
    assert "for batch 2 of the epoch, indices [4, 5]" in note
    assert "material.py" in note
    assert multiprocessing.active_children() == []


def test_an_error_that_cannot_travel_comes_by_its_words():
    with pytest.raises(RuntimeError, match="Odd: 1 is not 2"):
        list(fork(Failing("odd")))
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(fork(Failing("stop")))


@pytest.mark.parametrize("how", ["raise", "kill"])
def test_who_goes_on_after_an_error_gets_the_batches_behind_it(how):
    batches, found = iter(fork(Failing(how), batch_size=2)), []
    while True:
        try:
            found.append(next(batches)[0, 0, 0].item())
        except StopIteration:
            break
        except (ValueError, RuntimeError):
            found.append("error")
    assert found == [0, 2, "error", 6, 8, 10]


def test_a_killed_worker_is_one_error_that_names_the_signal():
    said = r"worker 1 \(pid \d+\) was killed by SIGKILL while it loaded batch 1 .* \[4, 5, 6, 7\]"
    with pytest.raises(RuntimeError, match=said):
        list(fork(Failing("kill"), batch_size=4))
    assert multiprocessing.active_children() == []


def test_a_worker_that_exits_is_an_error():
    with pytest.raises(RuntimeError, match=r"ended with exit code 3 while it loaded batch 5"):
        list(fork(Failing("exit")))


def test_a_program_without_a_main_guard_is_told_of_it(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from weft.data import DataLoader\n"
        "print(list(DataLoader(range(3), num_workers=1, multiprocessing_context='spawn')))\n"
    )
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    said = run.stderr.splitlines()[-1]
    assert "ended with exit code 1 before its first batch" in said
    assert """'spawn' imports the main program anew""" in said
    assert """under `if __name__ == "__main__":`""" in said


def test_a_worker_killed_from_outside_is_an_error():
    batches = iter(fork(Failing("sleep", bad=2), num_workers=1))
    next(batches), next(batches)
    (child,) = multiprocessing.active_children()
    os.kill(child.pid, signal.SIGTERM)
    with pytest.raises(RuntimeError, match="was killed by SIGTERM while it loaded batch 2"):
        next(batches)


def test_a_batch_that_takes_too_long_is_an_error():
    with pytest.raises(RuntimeError, match=r"no answer of worker 1 \(pid \d+\) in timeout=0.5"):
        list(fork(Failing("sleep"), timeout=0.5))


def test_what_cannot_be_pickled_is_an_error():
    with pytest.raises((AttributeError, TypeError, Exception), match="pickle"):
        list(fork([1, 2], collate_fn=lambda samples: lambda: samples))
    with pytest.raises(Exception, match="pickle") as caught:
        list(
            DataLoader([1], num_workers=1, collate_fn=lambda b: b, multiprocessing_context="spawn")
        )
    assert "start method 'spawn' pickles" in caught.value.__notes__[0]


def test_large_requests_and_large_answers_do_not_wait_for_each_other():
    sampler = [list(range(100000)) for _ in range(6)]
    batches = fork(_Text(), batch_sampler=sampler, collate_fn="".join, num_workers=1)
    assert [len(text) for text in batches] == [1000000] * 6


class _Text:
    def __len__(self):
        return 100000

    def __getitems__(self, indices):
        return ["0123456789"] * len(indices)


PROGRAM = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have their background ignore it
sys.path[:0] = {path!r}
from tests.core.data.material import Failing
from weft.data import DataLoader
loader = DataLoader(Failing("sleep", bad=4), num_workers=2, multiprocessing_context="fork",
                    persistent_workers={persistent})
for number, batch in enumerate(loader):
    if number == 1:
        import multiprocessing
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(how):
    code = PROGRAM.format(path=sys.path, persistent=how == signal.SIGINT)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    children = [int(word) for word in process.stdout.readline().split()]
    assert len(children) == 2
    time.sleep(0.2)  # both workers are asleep in the data set
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    for _ in range(100):
        if not any(map(alive, children)):
            break
        time.sleep(0.05)
    assert not any(map(alive, children))
    if how == signal.SIGINT:
        assert errors.count("Traceback") == 1
        assert errors.rstrip().endswith("KeyboardInterrupt")
