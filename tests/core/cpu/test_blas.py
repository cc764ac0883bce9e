"""OpenBLAS beside the pool: one thread, products in parts, and never against the user."""

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

import weft
from tests.core import needs
from weft._backend.cpu import blas, blas_products, language, switches, threads


def run(program: str, **environment: str) -> str:
    """Run a program in a fresh process and return what it printed."""
    kept = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**kept, **environment},
    )
    return done.stdout.strip()


@pytest.fixture
def ours():
    """Skip unless NumPy's linear algebra is an OpenBLAS that is ours to set."""
    if threads.library() is None or not blas.copies() or not blas.copies()[0].free:
        pytest.skip(f"no OpenBLAS of NumPy's here that is ours to set: {blas.told()}")


@pytest.fixture
def pool(ours):
    """A pool of two threads and OpenBLAS with one, as after the first use of the pool."""
    if not language.usable():
        pytest.skip(needs.codegen.kwargs["reason"])
    before = threads.count()
    threads.set_count(2)
    blas.settle()
    assert blas.copies()[0].count() == 1
    yield
    threads.set_count(before)


def drawn(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * random.standard_normal(shape)
    return np.asarray(x.astype(dtype))


FORMS = {
    "plain": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "of more rows": lambda a: np.concatenate([a, a], -2)[..., : a.shape[-2], :],
    "of more columns": lambda a: np.concatenate([a, a], -1)[..., : a.shape[-1]],
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((70, 33), (33, 50)),
        ((5, 40), (40, 131)),
        ((1, 40), (40, 64)),
        ((64, 1), (1, 7)),
        ((2, 30, 20), (2, 20, 10)),
        ((3, 30, 20), (3, 20, 10)),
        ((9, 5, 6), (9, 6, 4)),
        ((2, 3, 8, 6), (2, 3, 6, 9)),
    ],
)
def test_a_split_product_is_right(pool, dtype, form, left, right):
    x, y = FORMS[form](drawn(left, dtype)), FORMS[form](drawn(right, dtype, 1))
    out = blas_products.product(x, y)
    assert out.dtype == x.dtype and out.flags.c_contiguous
    exact = np.matmul(x.astype("complex256"), y.astype("complex256"))
    np.testing.assert_allclose(out, exact, atol=1e-3 if out.dtype.char in "fF" else 1e-11)


def test_all_rows_of_a_stack_meet_one_matrix(pool):
    x, y = drawn((4, 30, 20), "float64"), drawn((20, 10), "float64", 1)
    np.testing.assert_allclose(blas_products.product(x, y), x @ y, atol=1e-12)


def test_inf_and_nan_come_through(pool):
    x, y = drawn((40, 30), "float64"), drawn((30, 50), "float64", 1)
    x[3, 4], y[5, 6] = np.nan, np.inf
    out = blas_products.product(x, y)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(x @ y))
    np.testing.assert_array_equal(np.isinf(out), np.isinf(x @ y))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.ones((8, 8), "float16"), np.ones((8, 8), "float16")),
        (np.ones((8, 8)), np.ones((8, 8), "float32")),
        (np.ones((8, 8), "int64"), np.ones((8, 8), "int64")),
        (np.ones((0, 8)), np.ones((8, 8))),
        (np.ones((8, 0)), np.ones((0, 8))),
        (np.ones((8, 8))[::-1], np.ones((8, 8))),
        (np.ones((8, 16))[:, ::2], np.ones((8, 8))),
        (np.broadcast_to(np.ones(8), (8, 8)), np.ones((8, 8))),
        (np.ones((2, 8, 8)), np.ones((3, 1, 8, 8))),
        (np.ones((2, 8, 8))[:, ::-1], np.ones((8, 8))),
        (np.ones((8, 8), ">f8"), np.ones((8, 8), ">f8")),
    ],
)
def test_what_openblas_cannot_read_is_left_to_numpy(pool, x, y):
    assert blas_products.product(x, y) is None


def test_one_thread_or_no_code_leaves_products_to_numpy(pool, monkeypatch):
    x = np.ones((64, 64))
    threads.set_count(1)
    assert blas_products.product(x, x) is None
    threads.set_count(2)
    with threadpool_limits(2, user_api="blas"):  # OpenBLAS splits it itself, as the user wishes
        assert blas_products.product(x, x) is None
    assert blas_products.product(x, x) is not None
    monkeypatch.setattr(switches, "codegen", False)
    assert blas_products.product(x, x) is None


def test_matmul_splits_large_products(pool, monkeypatch):
    taken = []
    real = blas_products.product
    monkeypatch.setattr(blas_products, "product", lambda x, y: taken.append(x.shape) or real(x, y))
    x = weft.randn(200, 200, dtype=weft.float64, requires_grad=True)
    (x @ x).sum().backward()
    weft.ones(4, 4, dtype=weft.float64) @ weft.ones(4, 4, dtype=weft.float64)
    assert taken == [(200, 200)] * 3
    ones = np.ones((200, 200))
    data = x.detach().numpy()
    np.testing.assert_allclose(x.grad.numpy(), ones @ data.T + data.T @ ones, atol=1e-10)


def test_eight_python_threads_multiply_and_factorise_at_once(pool):
    a = drawn((150, 150), "float64")
    products, inverse = a @ a, np.linalg.inv(a)
    wrong: list[str] = []

    def work() -> None:
        for _ in range(5):
            if not np.allclose(blas_products.product(a, a), products):
                wrong.append("product")
            if not np.allclose(np.linalg.inv(a), inverse):
                wrong.append("inverse")

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    assert wrong == []


def test_a_forked_process_multiplies(pool):
    program = """
    import os, numpy as np
    from weft._backend.cpu import blas_products, threads
    threads.library(); threads.set_count(2)
    a = np.ones((300, 300))
    assert blas_products.product(a, a).sum() == 300.0**3
    child = os.fork()
    if child == 0:
        os._exit(0 if float(blas_products.product(a, a).sum()) == 300.0**3 else 1)
    print(os.waitpid(child, 0)[1], float(blas_products.product(a, a).sum()))
    """
    assert run(program, OMP_NUM_THREADS="2") == f"0 {300.0**3}"


def count() -> int:
    return blas.copies()[0].count()


def test_a_large_factorisation_has_threads_while_it_runs(pool, monkeypatch):
    seen: list[int] = []
    monkeypatch.setattr(np.linalg, "det", lambda a: seen.append(count()))
    monkeypatch.setitem(vars(weft._backend.numpy_.linalg), "det", None)
    del vars(weft._backend.numpy_.linalg)["det"]
    most = blas.copies()[0]._first
    weft._backend.numpy_.linalg.det(np.ones((blas.LARGE, 1)).T)
    with pytest.raises(np.linalg.LinAlgError):
        weft._backend.numpy_.linalg.inv(np.ones((blas.LARGE, 2 * blas.LARGE)))
    assert seen == [2] or most == 1
    assert count() == 1
    with blas.Raised(), blas.Raised():
        pass
    assert count() == 1


def test_what_the_user_sets_meanwhile_is_left(pool):
    with threadpool_limits(2, user_api="blas"):
        blas.settle()
        with blas.Raised():
            assert count() == 2
        assert count() == 2
    assert count() == 1


SETTLED = """
from weft._backend.cpu import blas, threads
threads.library()
print([one.count() for one in blas.copies()], blas.told())
"""


def test_the_pools_first_use_leaves_openblas_one_thread(ours):
    assert run(SETTLED, OMP_NUM_THREADS="2") == "[1] numpy's OpenBLAS: 1 of its own"


def test_importing_weft_leaves_openblas_as_it_is(ours):
    program = "import numpy, weft; from weft._backend.cpu import blas; print(blas._state.found)"
    assert run(program) == "{}"


def test_what_the_user_set_by_the_environment_is_left():
    if not blas.copies():
        pytest.skip("NumPy has no OpenBLAS here")
    said = run(
        SETTLED + "with blas.Raised(): print(blas.copies()[0].count())",
        OPENBLAS_NUM_THREADS="2",
        OMP_NUM_THREADS="3",
    )
    assert said.splitlines() == [
        "[2] numpy's OpenBLAS: 2 of its own, left as they were",
        "2",
    ]


def test_what_the_user_set_before_the_first_use_is_left():
    if not blas.copies():
        pytest.skip("NumPy has no OpenBLAS here")
    program = "import threadpoolctl, numpy; threadpoolctl.threadpool_limits(3)\n" + SETTLED
    assert run(program, OMP_NUM_THREADS="2").startswith("[3]")


def test_a_module_without_openblas_is_no_copy():
    assert blas._copy("ctypes", _ctypes.__file__) is None
