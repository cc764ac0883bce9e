"""OpenBLAS beside the pool: one thread of its own, or the pool's; never against the user."""

from __future__ import annotations

import _ctypes
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from weft._backend.cpu import blas, language, threads

N = 300


@pytest.fixture
def two_threads():
    """NumPy's OpenBLAS on a pool of two threads, or the reason why there is no such thing."""
    if threads.library() is None:
        pytest.skip(threads.why_none())
    if not language.usable():
        pytest.skip(language.why_unusable() or "the code generator is switched off")
    blas.spread()
    if not blas._state.spread[blas._LINKED[0]]:
        pytest.skip(f"NumPy's linear algebra is not on the pool: {blas.told()}")
    before = threads.count()
    threads.set_count(2)
    yield
    threads.set_count(before)


def run(program: str, **environment: str) -> str:
    """Run a program in a fresh process and return what it printed."""
    kept = {k: v for k, v in os.environ.items() if k not in {"OPENBLAS_NUM_THREADS"}}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**kept, **environment},
    )
    return done.stdout.strip()


def count() -> int:
    return blas.copies()[0].count()


def matrices(dtype):
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((N, N)) for _ in range(2))
    if dtype.startswith("c"):
        return (a + 1j * b).astype(dtype), (b - 1j * a).astype(dtype)
    return a.astype(dtype), b.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_products_on_the_pool_are_right(two_threads, dtype):
    a, b = matrices(dtype)
    assert count() == 2
    with threadpool_limits(1):
        expected = a.dot(b)
    np.testing.assert_allclose(a.dot(b), expected, atol=1e-4 if a.dtype.char in "fF" else 1e-10)


def test_factorisations_on_the_pool_are_right(two_threads):
    a, b = matrices("float64")
    with threadpool_limits(1):
        expected = np.linalg.solve(a, b)
    np.testing.assert_allclose(np.linalg.solve(a, b), expected, rtol=1e-5)
    values = np.linalg.eigvalsh(a @ a.T)
    assert values.min() > 0


def test_eight_python_threads_multiply_at_once(two_threads):
    a, b = matrices("float64")
    expected = a.dot(b)
    wrong: list[float] = []

    def work() -> None:
        for _ in range(5):
            error = float(np.abs(a.dot(b) - expected).max())
            if error > 1e-9:
                wrong.append(error)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    assert wrong == []


def test_a_product_inside_a_parallel_region_does_not_wait_forever(two_threads):
    """There OpenMP gives one thread where two are asked for, and OpenBLAS's jobs wait in pairs."""
    # In a process of its own: what hangs would hang the tests.
    program = """
    import ctypes, numpy as np
    from weft._backend.cpu import blas, threads
    threads.library(); blas.spread(); threads.set_count(2)
    assert blas.copies()[0].count() == 2
    a = np.ones((300, 300))
    task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    run = ctypes.CFUNCTYPE(None, task, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    sums = []
    inside = task(lambda _: sums.append(float(a.dot(a).sum())))
    run(threads.addresses()["GOMP_parallel"])(inside, None, 2, 0)
    print(sums)
    """
    assert run(program, OMP_NUM_THREADS="2") == str([300.0**3] * 2)


def test_a_forked_process_multiplies(two_threads):
    program = """
    import os, numpy as np
    from weft._backend.cpu import blas, threads
    threads.library(); blas.spread(); threads.set_count(2)
    a = np.ones((300, 300)); a.dot(a)
    child = os.fork()
    if child == 0:
        os._exit(0 if float(a.dot(a).sum()) == 300.0**3 else 1)
    print(os.waitpid(child, 0)[1], float(a.dot(a).sum()))
    """
    assert run(program, OMP_NUM_THREADS="2") == f"0 {300.0**3}"


def test_the_count_follows_the_setting_of_the_pool(two_threads):
    threads.set_count(1)
    assert count() == 1
    threads.set_count(2)
    assert count() == 2


def test_what_the_user_sets_meanwhile_is_left(two_threads):
    with threadpool_limits(1, user_api="blas"):
        threads.set_count(1)
        threads.set_count(2)
        assert count() == 1
    assert count() == 2


SETTLED = """
from weft._backend.cpu import blas, threads
threads.library()
print([one.count() for one in blas.copies()], blas.told())
"""


def test_the_pools_first_use_leaves_openblas_one_thread():
    if threads.library() is None or not blas.copies() or not blas.copies()[0].free:
        pytest.skip(f"no OpenBLAS of NumPy's here that is ours to set: {blas.told()}")
    assert run(SETTLED, OMP_NUM_THREADS="2") == "[1] numpy's OpenBLAS: 1 of its own"


def test_what_the_user_set_by_the_environment_is_left():
    if not blas.copies():
        pytest.skip("NumPy has no OpenBLAS here")
    said = run(
        SETTLED
        + "blas.spread(); print(blas.copies()[0].count(), any(blas._state.spread.values()))",
        OPENBLAS_NUM_THREADS="2",
        OMP_NUM_THREADS="3",
    )
    assert said.splitlines() == [
        "[2] numpy's OpenBLAS: 2 of its own, left as they were",
        "2 False",
    ]


def test_what_the_user_set_before_the_first_use_is_left():
    program = "import threadpoolctl, numpy; threadpoolctl.threadpool_limits(3)\n" + SETTLED
    if not blas.copies():
        pytest.skip("NumPy has no OpenBLAS here")
    assert run(program, OMP_NUM_THREADS="2").startswith("[3]")


@pytest.mark.parametrize(
    "environment", [{"WEFT_CODEGEN": "0"}, {"OMP_THREAD_LIMIT": "8"}, {"OMP_DYNAMIC": "true"}]
)
def test_openblas_keeps_one_thread_where_the_pool_cannot_serve_it(environment):
    if threads.library() is None or not blas.copies() or not blas.copies()[0].free:
        pytest.skip(f"no OpenBLAS of NumPy's here that is ours to set: {blas.told()}")
    program = SETTLED + "blas.spread(); print(blas.copies()[0].count())"
    said = run(program, OMP_NUM_THREADS="2", **environment)
    assert said.splitlines()[-1] == "1"


def test_a_module_without_openblas_is_no_copy():
    assert blas._copy("ctypes", _ctypes.__file__) is None
