"""The kernel language against Python: a kernel is valid Python, which tells what is right."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.core import needs
from weft._backend.cpu import calls, code_cache, compiler, loader, switches, threads
from weft._backend.cpu.language import (
    Names,
    Placeholder,
    T,
    TextKernel,
    alike,
    barrier,
    bf16,
    bits,
    boolean,
    copy,
    f16,
    f32,
    f64,
    fma,
    function,
    i8,
    i16,
    i32,
    i64,
    isnan,
    kernel,
    lanes,
    length,
    local,
    memory,
    overload,
    prefetch,
    ptr,
    ref,
    simd,
    spread,
    sqrt,
    static,
    step,
    stream,
    thread,
    total,
    turn,
    type_of,
    u8,
    u16,
    u32,
    u64,
    usable,
    why_unusable,
    wide,
)
from weft._backend.cpu.language.expressions import Misread
from weft._backend.cpu.language.kernel import told_of_files
from weft._backend.cpu.language.table import TABLE_ENTRIES

DTYPES = {
    f32: "float32",
    f64: "float64",
    i8: "int8",
    i16: "int16",
    i32: "int32",
    i64: "int64",
    u8: "uint8",
    u16: "uint16",
    u32: "uint32",
    u64: "uint64",
}


def test_the_language_works_here():
    assert why_unusable() == ""
    assert usable() == switches.codegen


@kernel(loose=False)
def arithmetic(begin, end, x: ptr(T), y: ptr(T), out: ptr(T)):
    for i in range(begin, end):
        a = x[i]
        b = y[i]
        out[6 * i] = a + b
        out[6 * i + 1] = a - b
        out[6 * i + 2] = a * b
        out[6 * i + 3] = max(a, b)
        out[6 * i + 4] = min(a, b)
        out[6 * i + 5] = a if a < b else b + 1


@pytest.mark.parametrize("kind", DTYPES, ids=str)
def test_arithmetic_is_numpys(kind):
    dtype = np.dtype(DTYPES[kind])
    random = np.random.default_rng(0)
    x, y = (random.integers(0, 100, 40).astype(dtype) for _ in "xy")
    out = np.zeros(240, dtype)
    arithmetic.at(T=kind)(40, 1000, x, y, out)
    with np.errstate(over="ignore"):
        wanted = [
            x + y,
            x - y,
            x * y,
            np.maximum(x, y),
            np.minimum(x, y),
            np.where(x < y, x, y + 1),
        ]
    assert np.array_equal(out.reshape(40, 6).T, np.array(wanted, dtype))


@kernel
def integers(begin, end, x: ptr(i64), out: ptr(i64)):
    for i in range(begin, end):
        a = x[i]
        out[7 * i] = a // 3
        out[7 * i + 1] = a % 3
        out[7 * i + 2] = a << 2
        out[7 * i + 3] = a >> 1
        out[7 * i + 4] = (a & 6) | (a ^ 1)
        out[7 * i + 5] = ~a
        out[7 * i + 6] = abs(-a)


def test_whole_numbers_as_python_has_them():
    x = np.arange(50)
    out = np.zeros(350, np.int64)
    integers.at()(50, 1000, x, out)
    wanted = np.zeros_like(out)
    integers.python(0, 50, x, wanted)
    assert (out == wanted).all()


@kernel
def flow(begin, end, x: ptr(T), out: ptr(T)):
    for i in range(begin, end):
        total = 0.0
        n = 0
        while n < i and total < 50:
            n += 1
            if n % 3 == 0:
                continue
            if n > 20:
                break
            total += x[n]
        if total > 10 and n > 2:
            total = total / 2
        elif total > 5 or n == 1:
            total = -total
        for k in range(4, 0, -1):
            total += k
        for k in static(3):
            total += k * x[k]
        out[i] = total


def test_loops_and_branches_are_pythons():
    x = np.arange(40.0)
    out, wanted = np.zeros(40), np.zeros(40)
    flow.at(T=f64)(40, 1000, x, out)
    namespace = {**flow.python.__globals__, "static": range}
    python = type(flow.python)(flow.python.__code__, namespace)
    python(0, 40, x, wanted)
    assert np.allclose(out, wanted, rtol=1e-15)


@function
def twice_f32(x):
    return x + x


@function
def twice_i64(x):
    y = x
    y += x + 1
    return y


twice = overload(f32=twice_f32, i64=twice_i64)


@function
def swapped(a, b):
    return b, a


@kernel
def functions(begin, end, x: ptr(f32), whole: ptr(i64), out: ptr(f32)):
    for i in range(begin, end):
        out[i] = twice(x[i])
        whole[i] = twice(i)
        a, b = swapped(x[i], 1)
        out[i] += a - b


def test_functions_are_put_in_place_by_type():
    x = np.arange(6, dtype=np.float32)
    out, whole = np.zeros_like(x), np.zeros(6, np.int64)
    functions.at()(6, 100, x, whole, out)
    assert (out == 2 * x + 1 - x).all()
    assert (whole == 2 * np.arange(6) + 1).all()


@function(apart=True)
def add_times(out, x, count, factor):
    for i in range(count):
        out[i] += x[i] * factor


@function(apart=True)
def add_twice(out, x, count):
    add_times(out, x, count, 1)
    add_times(out, x, count, 1)


@kernel
def functions_apart(begin, end, x: ptr(f32), y: ptr(f64), out: ptr(f32), counts: ptr(i64)):
    own = local(f32, 8)
    for i in range(8):
        own[i] = x[i]
    for i in range(begin, end):
        add_times(out, x, counts[i], 2)
        add_times(out, x, counts[i], 3.0)
        add_times(out, y, counts[i], f32(i))
        add_times(out, own, 8, 0.5)
        add_twice(out, x, 2)


def test_functions_apart_are_made_once_for_each_types_and_known_numbers():
    x, y = np.arange(8, dtype=np.float32), np.arange(8.0)[::-1].copy()
    out, wanted, counts = np.zeros_like(x), np.zeros_like(x), np.array([8, 3])
    functions_apart.at()(2, 100, x, y, out, counts)
    for i, n in enumerate(counts):
        wanted[:n] += 5 * x[:n] + i * y[:n].astype(np.float32)
        wanted += 0.5 * x
        wanted[:2] += 2 * x[:2]
    assert (out == wanted).all()
    text = functions_apart.text()
    assert text.count("define internal void @add_times.") == 5
    assert text.count("define internal void @add_twice.") == 1


@kernel
def special(begin, end, x: ptr(T), out: ptr(T)):
    for i in range(begin, end):
        out[4 * i] = max(x[i], 0.0)
        out[4 * i + 1] = 1.0 if isnan(x[i]) else sqrt(abs(x[i]))
        out[4 * i + 2] = bits(f32, bits(i32, f32(x[i])) ^ 0)
        out[4 * i + 3] = fma(x[i], 2.0, 1.0)


@pytest.mark.parametrize("kind", [f32, f64], ids=str)
def test_max_passes_nan_on(kind):
    x = np.array([np.nan, -1, 4, np.inf, -np.inf, 0], DTYPES[kind])
    out = np.zeros(24, x.dtype)
    special.at(T=kind)(6, 100, x, out)
    wanted = [np.maximum(x, 0), np.where(np.isnan(x), 1, np.sqrt(abs(x))), x, x * 2 + 1]
    assert np.array_equal(out.reshape(6, 4).T, np.array(wanted, x.dtype), equal_nan=True)


@kernel
def carry(begin, end, x: ptr(T), wide: ptr(f32), out: ptr(T)):
    for i in simd(begin, end):
        wide[i] = x[i]
        out[i] = wide[i]


@pytest.mark.parametrize("kind", [f16, bf16], ids=str)
def test_half_precision_reads_and_rounds_as_numpy(kind):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(np.float16 if kind is f16 else ml_dtypes.bfloat16)
    every = np.arange(2**16, dtype=np.uint16).view(dtype)
    wide, out = np.zeros(2**16, np.float32), np.zeros_like(every)
    carry.at(T=kind)(2**16, 2**20, every, wide, out)
    assert np.array_equal(wide, every.astype(np.float32), equal_nan=True)
    assert np.array_equal(out.astype(np.float32), wide, equal_nan=True)
    random = np.random.default_rng(0)
    bits32 = random.integers(0, 2**32, 200_000, dtype=np.uint64).astype(np.uint32)
    x = bits32.view(np.float32)
    narrow = np.zeros(len(x), dtype)
    rounding.at(T=kind)(len(x), 2**20, x, narrow)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.array_equal(
            narrow.astype(np.float32), x.astype(dtype).astype(np.float32), equal_nan=True
        )


@kernel
def rounding(begin, end, x: ptr(f32), out: ptr(T)):
    for i in range(begin, end):
        out[i] = x[i]


@kernel
def truths(begin, end, x: ptr(boolean), y: ptr(boolean), out: ptr(boolean), count: ptr(i64)):
    for i in range(begin, end):
        out[i] = x[i] and not y[i]
        count[0] += x[i]


def test_truths_lie_in_bytes():
    x, y = np.array([True, True, False]), np.array([True, False, False])
    out, count = np.zeros(3, bool), np.zeros(1, np.int64)
    truths.at()(3, 10, x, y, out, count)
    assert out.tolist() == [False, True, False]
    assert count[0] == 2


@kernel
def own_memory(begin, end, x: ptr(f32), out: ptr(f32), optional: ptr(f32), WIDTH: i64):
    own = local(f32, 8)
    for i in range(begin, end):
        row = x + i * WIDTH
        copy(own, row, WIDTH)
        for j in range(WIDTH):
            out[i * WIDTH + j] = own[WIDTH - 1 - j]


def test_addresses_and_memory_of_its_own():
    x = np.arange(12, dtype=np.float32)
    out = np.zeros_like(x)
    own_memory.at()(3, 10, x, out, None, 4)
    assert (out.reshape(3, 4) == x.reshape(3, 4)[:, ::-1]).all()


@kernel
def doubled(begin, end, arrays: ptr(i64), n: i64):
    for i in range(begin, end):
        x = memory(T, arrays[i]) + 1
        for j in simd(n):
            x[j] = x[j] * 2


@pytest.mark.parametrize("kind", [f32, f64], ids=str)
def test_a_kernel_finds_the_memory_of_array_objects(kind):
    arrays = [np.full(8, i, DTYPES[kind])[: 8 - i % 2] for i in range(5)]
    doubled.at(T=kind)(5, 10, np.array([id(a) for a in arrays]), 3)
    for i, x in enumerate(arrays):
        assert x.tolist() == [i, 2 * i, 2 * i, 2 * i, *[i] * (4 - i % 2)]


@kernel
def seen(begin, end, x: ref, out: ptr(i64), values: ptr(T)):
    room = local(T, 4)
    for d in range(begin, end):
        out[2 * d] = length(x, d)
        out[2 * d + 1] = step(x, d)
    first = memory(T, x)
    if length(x, 0) > 4:  # an address that is changed here alone
        first = room
    else:
        values[0] = first[step(x, 0) // 4]


def test_a_kernel_finds_the_shape_and_strides_of_an_array():
    whole = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    for x in (
        whole,
        whole[::2, ::-1],
        whole.T[1:4],
        whole[:, :0],
        np.broadcast_to(whole, (2, 3, 4, 5)),
    ):
        out, value = np.zeros((x.ndim, 2), np.int64), np.zeros(1, np.float32)
        seen.at(T=f32)(x.ndim, 10, x, out, value)
        assert out.tolist() == [list(each) for each in zip(x.shape, x.strides, strict=True)]
        if x.size:
            assert value == x[(1 if x.strides[0] else 0,) + (0,) * (x.ndim - 1)]


@kernel
def ahead(begin, end, x: ptr(f32), out: ptr(f32)):
    for i in range(begin, end):
        prefetch(x + (i + 100_000_000))  # nothing is read there
        out[i] = x[i]


def test_asking_for_memory_ahead_reads_none():
    x = np.arange(12, dtype=np.float32)
    out = np.zeros_like(x)
    ahead.at()(12, 100, x, out)
    assert (out == x).all()
    assert "prefetch" in compiler.assembly(ahead.text())


@kernel
def several(begin, end, x: ptr(T), y: ptr(T), out: ptr(T), sums: ptr(T), n):
    w = lanes(x)
    for i in range(0, n, w):
        part = min(w, n - i)
        a = wide(x + i, part)
        spread(out + i, fma(a, wide(y + i, part), 2.0) - a / 3.0, part)
        sums[0] += total(a)
    if n >= w:
        whole = wide(x)
        whole += 1.0
        spread(out, whole)


@pytest.mark.parametrize("kind", [f32, f64], ids=str)
@pytest.mark.parametrize("n", [1, 7, 8, 15, 16, 17, 40])
def test_several_numbers_at_once(kind, n):
    random = np.random.default_rng(0)
    x, y = (random.standard_normal(n + 20).astype(DTYPES[kind]) for _ in "xy")
    out, sums = np.zeros_like(x), np.zeros(1, x.dtype)
    several.at(T=kind)(1, 9, x, y, out, sums, n)
    wanted = x * y + 2 - x / 3
    w = 64 // x.itemsize
    if n >= w:
        wanted[:w] = x[:w] + 1
    assert np.allclose(out[:n], wanted[:n], rtol=1e-5)
    assert (out[n:] == 0).all()  # nothing beyond was written to
    assert np.allclose(sums, x[:n].sum(), rtol=1e-4)


def two_kinds(begin, end, x: ptr(f32), y: ptr(f64)):
    spread(x, wide(y))


def no_several(begin, end, x: ptr(f16)):
    spread(x, wide(x))


def one_of_several(begin, end, x: ptr(f32)):
    x[0] = wide(x)


@pytest.mark.parametrize(
    ("python", "match"),
    [(two_kinds, "f64x8 is no f32x16"), (no_several, "computed as they lie"),
     (one_of_several, "f32x16 is no f32")],
)  # fmt: skip
def test_several_numbers_are_not_mixed_up(python, match):
    with pytest.raises(Misread, match=match):
        kernel(python).at()


@kernel
def shares(begin, end, out: ptr(i64), who: ptr(i64)):
    for i in range(begin, end):
        out[i] += i
        who[i] = thread()


def test_threads_share_the_range_between_them():
    out, who = np.zeros(1000, np.int64), np.full(1000, -1)
    shares.at()(1000, 10, out, who)
    assert (out == np.arange(1000)).all()
    limit = int(calls.table()[TABLE_ENTRIES.index("threads")])
    assert who.max() == min(limit, 100) - 1
    assert (np.diff(who) >= 0).all()
    shares.at()(5, 10, out, who)  # too little to share
    assert (who[:5] == 0).all()
    shares.at()(0, 10, out, who)


@kernel(overlap=True)
def neighbours(begin, end, x: ptr(i64), n, rounds):
    for r in range(rounds):
        now = x + r * n
        later = now + n
        for i in range(begin, end):
            later[i] = now[(i + 1) % n] + now[(i + n - 1) % n]
        barrier()


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("grain", [1, 2, 1000])
def test_threads_wait_for_each_other(count, grain):
    before = threads.count()
    threads.set_count(count)
    try:
        for n in (3, 64):  # also fewer steps than threads
            x = np.zeros((201, n), np.int64)
            x[0] = np.arange(n)
            neighbours.at()(n, grain, x, n, 200)
            for now, later in itertools.pairwise(x):
                assert (later == np.roll(now, 1) + np.roll(now, -1)).all()
    finally:
        threads.set_count(before)


@kernel
def square_turned(begin, end, x: ptr(T), out: ptr(T), x_step, out_step):
    turn(out, out_step, x, x_step)


@pytest.mark.parametrize("kind", [f32, f64, i32, i64], ids=str)
def test_a_square_is_put_transposed(kind):
    side = 64 // kind.size
    x = np.random.default_rng(0).permutation(side * (side + 3)).reshape(side, -1)
    x = x.astype(DTYPES[kind])
    out = np.zeros((side, side + 5), x.dtype)
    square_turned.at(T=kind)(1, 2, x, out, side + 3, side + 5)
    assert (out[:, :side] == x[:, :side].T).all()
    assert (out[:, side:] == 0).all()


def test_python_threads_call_kernels_at_once():
    results = []

    def work(seed):
        x = np.random.default_rng(seed).standard_normal(100_000)
        out = np.zeros(100_000)
        for _ in range(20):
            carried = np.zeros(100_000, np.float32)
            carry.at(T=f64)(100_000, 1000, x, carried, out)
            results.append(np.array_equal(out, x.astype(np.float32)))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(results) == 160
    assert all(results)


def test_a_choice_known_beforehand_is_made_then():
    assert "fmul" not in chosen.text(T=f32, DOUBLE=False)
    assert "fmul" in chosen.text(T=f32, DOUBLE=True)


DOUBLE = Placeholder("DOUBLE")


@kernel
def chosen(begin, end, x: ptr(T)):
    for i in range(begin, end):
        if DOUBLE:
            x[i] = x[i] * 2


def wrong_value(begin, end, x: ptr(T)):
    for i in range(begin, end):
        x[i] = unknown  # noqa: F821  # that it is not there is what is tested


def wrong_statement(begin, end, x: ptr(T)):
    with x:
        pass


def wrong_variable(begin, end, x: ptr(T)):
    for i in range(begin, end):
        i = x[i]


def wrong_return(begin, end, x: ptr(T)):
    return 1


def wrong_address(begin, end, x: ptr(T)):
    x[0] = x * 2


@function(apart=True)
def giving(x):
    return x


@function(apart=True)
def numbering(x):
    x[0] = f32(thread())


def wrong_function_apart(begin, end, x: ptr(T)):
    x[0] = giving(x[1])


def wrong_thread(begin, end, x: ptr(T)):
    numbering(x)


@pytest.mark.parametrize(
    ("python", "match"),
    [
        (wrong_function_apart, "giving: a function that stands apart returns nothing"),
        (wrong_thread, r"thread\(\) in a function that stands apart"),
        (wrong_value, "no 'unknown'"),
        (wrong_statement, "no With in the kernel language"),
        (wrong_return, "returns nothing"),
        (wrong_variable, "i is a whole number here"),
        (wrong_address, "an address takes \\+ alone: x \\* 2"),
    ],
)
def test_what_the_language_has_no_words_for_is_told_with_its_line(python, match):
    with pytest.raises(Misread, match=match):
        kernel(python).at(T=f32)


def test_a_kernel_is_not_run_by_python():
    with pytest.raises(TypeError, match="kernels alone"):
        twice_f32(1)


def test_types_of_dtypes():
    assert type_of(np.dtype("float32")) is f32
    assert type_of(np.dtype(">f4")) is None
    assert type_of(np.dtype("complex64")) is None


# --- code on disk ------------------------------------------------------------------------------

_PROGRAM = """
import sys, numpy as np
sys.path.insert(0, {folder!r})
import made
x = np.arange(5.0)
made.third.at(T=made.f64)(5, 10, x)
print(x.tolist(), "llvmlite" in sys.modules)
"""
_MADE = """
from weft._backend.cpu.language import T, f64, kernel, ptr

@kernel
def third(begin, end, x: ptr(T)):
    for i in range(begin, end):
        x[i] = x[i] * {factor}
"""


def _run(tmp_path, factor):
    (tmp_path / "made.py").write_text(_MADE.format(factor=factor))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(folder=str(tmp_path))],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "WEFT_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    return done.stdout.strip()


def test_a_second_process_takes_the_code_from_disk_without_llvm(tmp_path):
    assert _run(tmp_path, 2) == "[0.0, 2.0, 4.0, 6.0, 8.0] True"
    assert _run(tmp_path, 2) == "[0.0, 2.0, 4.0, 6.0, 8.0] False"
    assert _run(tmp_path, 3) == "[0.0, 3.0, 6.0, 9.0, 12.0] True"
    (first, _) = sorted((tmp_path / "cache" / "kernels").iterdir())
    assert first.stat().st_mode & 0o077 == 0


_FORMULA = """
import sys, weft
y = weft.ones(1_000_000).tanh()
assert y[0] == y[-1]
print(*sorted(set(sys.modules) & {"mmap", "llvmlite", "weft._backend.cpu.kernels.mathematics"}))
"""


@needs.codegen
def test_a_formula_that_is_on_disk_needs_neither_llvm_nor_the_functions_it_calls(tmp_path):
    environment = {**os.environ, "WEFT_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", _FORMULA],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert {"llvmlite", "weft._backend.cpu.kernels.mathematics"} <= set(said[0])
    assert said[1] == []


def test_generated_kernels_have_other_names_on_disk_when_what_they_may_call_differs(tmp_path):
    text = "def f(begin, end, x: ptr(T)):\n    for i in range(begin, end):\n        x[i] = K"
    one, two = (TextKernel("f", text, Names("mathematics", K=k)) for k in (1.0, 2.0))
    assert one.key({"T": f64}) == TextKernel("f", text, one.names).key({"T": f64})
    assert one.key({"T": f64}) != two.key({"T": f64})
    with pytest.raises(NameError, match="no 'unheard'"):
        one.named("unheard")
    (tmp_path / "a.py").write_text("1")
    before = told_of_files(str(tmp_path))
    (tmp_path / "a.py").write_text("10")
    assert told_of_files(str(tmp_path)) != before


def test_damaged_and_foreign_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    code_cache.put("a", b"code")
    assert code_cache.get("a") == b"code"
    path = Path(code_cache.folder()) / "a"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert code_cache.get("a") is None
    assert not path.exists()
    code_cache.put("a", b"code")
    path.chmod(0o666)
    assert code_cache.get("a") is None
    assert code_cache.get("absent") is None


def test_the_cache_is_bounded_and_keeps_what_was_used_last(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(code_cache, "LIMIT", 5000)
    for i in range(10):
        code_cache.put(f"k{i}", bytes(1000))
        os.utime(Path(code_cache.folder()) / f"k{i}", (i, i))
    code_cache.put("last", bytes(1000))
    kept = sorted(p.name for p in Path(code_cache.folder()).iterdir())
    assert "last" in kept
    assert "k0" not in kept
    assert sum(p.stat().st_size for p in Path(code_cache.folder()).iterdir()) <= 5000


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / "file"))
    code_cache.put("a", b"code")
    assert code_cache.get("a") is None


def test_llvms_own_loader_gives_the_same():
    x = np.arange(4.0)
    image = compiler.compile(arithmetic.text(T=f64))
    run = calls.function("arithmetic", compiler.load(image, "entry"))
    out = np.zeros(24)
    run(4, 10, x, x, out)
    assert (out.reshape(4, 6)[:, 0] == 2 * x).all()


@pytest.mark.parametrize("image", [b"", b"\x7fELF", bytes(100), b"\x7fELF\x02\x01" + bytes(100)])
def test_what_is_no_object_file_is_refused(image):
    with pytest.raises(loader.Unloadable):
        loader.load(image, "entry")


_OUTLIVING = """
import gc, sys
sys.path.insert(0, {folder!r})
import made
from weft._backend.cpu import calls

function = made.third.at(T=made.f64)
calls.__dict__.clear()  # as the interpreter does at its end, which then looks at what is left
gc.collect()
freed = [bytearray(size) for size in range(1, 200) for _ in range(50)]
print(function.__name__)
"""


def test_a_function_outlives_the_module_that_made_it(tmp_path):
    (tmp_path / "made.py").write_text(_MADE.format(factor=2))
    done = subprocess.run(
        [sys.executable, "-c", _OUTLIVING.format(folder=str(tmp_path))],
        env={**os.environ, "PYTHONMALLOC": "debug", "WEFT_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "third\n"), done.stderr


@kernel
def past(begin, end, x: ptr(T), out: ptr(T), to, source):
    stream(out + (to + begin), x + (source + begin), end - begin)


@pytest.mark.parametrize("to", [0, 1, 13, 63])
@pytest.mark.parametrize("count", [0, 1, 50, 63, 64, 255, 256, 257, 319, 320, 2000])
@pytest.mark.parametrize("grain", [1, 1 << 40], ids=["several threads", "one thread"])
def test_copies_past_the_caches_write_what_they_should_and_nothing_else(to, count, grain):
    x = np.random.default_rng(0).integers(0, 255, 4096).astype(np.uint8)
    for kind, source in ((u8, 5), (u8, to), (u32, 1)):
        many = count // kind.size
        out, wanted = np.full(4096, 255, np.uint8), np.full(4096, 255, np.uint8)
        first, origin = to * kind.size, source * kind.size
        wanted[first : first + many * kind.size] = x[origin : origin + many * kind.size]
        past.at(T=kind)(many, grain, x, out, to, source)
        assert (out == wanted).all()


@kernel
def which_are_alike(begin, end, arrays: ptr(i64), first: ref, out: ptr(i64)):
    for i in range(begin, end):
        out[i] = i64(alike(arrays[i], first))


def test_a_kernel_tells_arrays_of_one_kind_without_gaps():
    first = np.zeros((3, 4), np.float32)
    unaligned = np.zeros(4 * 12 + 1, np.uint8)[1:].view(np.float32).reshape(3, 4)
    likes = [first, np.zeros((5, 2), np.float32), first[1:]]
    others = [first[:, 1:], first.T, first[0], first.astype(np.float64), first.view(np.int32)]
    arrays = [*likes, *others, first.astype(">f4"), unaligned]
    out = np.zeros(len(arrays), np.int64)
    which_are_alike.at()(len(arrays), 1, np.array([id(a) for a in arrays]), first, out)
    assert out.tolist() == [1] * len(likes) + [0] * (len(arrays) - len(likes))
