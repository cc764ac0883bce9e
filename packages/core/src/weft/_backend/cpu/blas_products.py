"""Products of matrices split over the pool, each part by OpenBLAS with one thread.

For what oneDNN does not take: float64 and complex numbers, and float32 where there is no oneDNN.
OpenBLAS's own functions are safe to call from several threads, as long as it starts none itself.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from typing import Any

from weft._backend import np
from weft._backend.cpu import blas, switches, threads

_AS_IT_IS, _TRANSPOSED = 111, 112  # of CBLAS; 101 in the text below is that rows come first
_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}
#: How many rows or columns a part is a multiple of: OpenBLAS's kernels take them in such blocks.
_BLOCK = 16

# A job is M, N and the addresses of A, B and C. A thread does every job whose number is its own, in
# steps of the number of threads. All integers are 64 bits wide; an OpenBLAS of narrower ones reads
# their lower halves, in the registers and places of the stack where they are anyway.
_TEXT = """
%work = type {{ ptr, i64, i64, i64, i64, i64, i64, i64, ptr, [2 x double], [2 x double] }}
declare void @GOMP_parallel(ptr, ptr, i32, i32)
declare i32 @omp_get_thread_num()
declare i32 @omp_get_num_threads()

define internal void @share(ptr %work) {{
entry:
  %gemm = load ptr, ptr %work
{fields}
  %jobs.at = getelementptr %work, ptr %work, i32 0, i32 8
  %jobs = load ptr, ptr %jobs.at
  %one = getelementptr %work, ptr %work, i32 0, i32 9
  %zero = getelementptr %work, ptr %work, i32 0, i32 10
  %alpha = {alpha}
  %beta = {beta}
  %ta32 = trunc i64 %ta to i32
  %tb32 = trunc i64 %tb to i32
  %me32 = call i32 @omp_get_thread_num()
  %all32 = call i32 @omp_get_num_threads()
  %me = sext i32 %me32 to i64
  %all = sext i32 %all32 to i64
  br label %check
check:
  %job = phi i64 [ %me, %entry ], [ %next, %run ]
  %more = icmp slt i64 %job, %count
  br i1 %more, label %run, label %done
run:
  %at = mul i64 %job, 5
  %m.at = getelementptr i64, ptr %jobs, i64 %at
  %m = load i64, ptr %m.at
  %n.at = getelementptr i64, ptr %m.at, i64 1
  %n = load i64, ptr %n.at
  %a.at = getelementptr i64, ptr %m.at, i64 2
  %a = load ptr, ptr %a.at
  %b.at = getelementptr i64, ptr %m.at, i64 3
  %b = load ptr, ptr %b.at
  %c.at = getelementptr i64, ptr %m.at, i64 4
  %c = load ptr, ptr %c.at
  call void %gemm(i32 101, i32 %ta32, i32 %tb32, i64 %m, i64 %n, i64 %k, {kind} %alpha, \
ptr %a, i64 %lda, ptr %b, i64 %ldb, {kind} %beta, ptr %c, i64 %ldc)
  %next = add i64 %job, %all
  br label %check
done:
  ret void
}}

define void @entry(ptr %work, i32 %team) {{
  call void @GOMP_parallel(ptr @share, ptr %work, i32 %team, i32 0)
  ret void
}}
"""
_FIELDS = ("ta", "tb", "k", "lda", "ldb", "ldc", "count")


def product(x: Any, y: Any) -> Any:
    """Multiply matrices, or stacks of as many, in several threads; None if NumPy is to do it.

    Args:
        x: (..., n, k), of a floating or complex dtype that OpenBLAS has.
        y: (k, m), or (..., k, m) with the same leading dims.
    """
    team = threads.count()
    if team < 2 or not switches.codegen or x.dtype is not y.dtype or x.dtype.char not in _LETTERS:
        return None
    shared = x.ndim > 2 and y.ndim == 2 and x.flags.c_contiguous
    if shared:  # all rows meet one matrix
        lead, x = x.shape[:-1], x.reshape(-1, x.shape[-1])
    if x.shape[:-2] != y.shape[:-2] or not x.size or not y.size:
        return None
    first, second = _order(x), _order(y)
    entry = _entry(x.dtype.char)
    if first is None or second is None or not entry or not _alone():
        return None
    out = np.empty((*x.shape[:-1], y.shape[-1]), x.dtype)
    item = x.itemsize
    jobs = _jobs(x, y, out, team)
    work = np.zeros(13, np.int64)
    work[0] = blas.copies()[0].gemm(_LETTERS[x.dtype.char])
    work[1:9] = (
        first[0], second[0], x.shape[-1], first[1] // item, second[1] // item, y.shape[-1],
        len(jobs), jobs.ctypes.data,
    )  # fmt: skip
    work[9:11].view(x.dtype)[0] = 1  # alpha, read where it is complex; beta stays 0
    entry(work.ctypes.data, min(team, len(jobs)))
    return out.reshape(*lead, y.shape[-1]) if shared else out


def _order(a: Any) -> tuple[int, int] | None:
    """Return how CBLAS is to read matrices and the bytes between their lines; None if it cannot."""
    rows, columns = a.shape[-2:]
    down, across = a.strides[-2:]
    item = a.itemsize
    if not a.flags.aligned:
        return None
    if (across == item or columns == 1) and down >= columns * item and not down % item:
        return _AS_IT_IS, down
    if (down == item or rows == 1) and across >= rows * item and not across % item:
        return _TRANSPOSED, across
    return None


def _jobs(x: Any, y: Any, out: Any, team: int) -> Any:
    """Return the parts: for each its rows, columns, and where its factors and its result begin."""
    lead, (rows, columns) = x.shape[:-2], out.shape[-2:]
    stack = out.size // (rows * columns)
    places = [_places(a, lead) for a in (x, y, out)]
    if stack % team == 0 or stack >= 4 * team:
        cuts, along = [0, rows], 0
    else:
        along = 0 if rows >= columns else 1
        length = (rows, columns)[along]
        part = -(-length // team)
        part = -(-part // _BLOCK) * _BLOCK
        cuts = [*range(0, length, part), length]
    made = []
    for begin, end in itertools.pairwise(cuts):
        some = np.empty((stack, 5), np.int64)
        some[:, 0] = end - begin if along == 0 else rows
        some[:, 1] = end - begin if along == 1 else columns
        some[:, 2] = places[0] + (begin * x.strides[-2] if along == 0 else 0)
        some[:, 3] = places[1] + (begin * y.strides[-1] if along == 1 else 0)
        some[:, 4] = places[2] + begin * out.strides[-2 + along]
        made.append(some)
    return np.concatenate(made)


def _places(a: Any, lead: tuple[int, ...]) -> Any:
    """Return the addresses of all matrices of a stack."""
    places = np.full(lead, a.ctypes.data, np.int64)
    for dim, (length, step) in enumerate(zip(lead, a.strides, strict=False)):
        steps = np.arange(length, dtype=np.int64) * step
        places += steps.reshape(-1, *(1,) * (len(lead) - dim - 1))
    return places.reshape(-1)


def _alone() -> bool:
    """Whether NumPy's OpenBLAS has one thread: with more it splits products itself."""
    found = blas.copies()
    return bool(found) and found[0].owner == "numpy" and found[0].free and found[0].count() == 1


@functools.cache
def _entry(char: str) -> Any:
    """Return the function that runs jobs of a dtype on the pool; None if there is none."""
    from weft._backend.cpu import code_cache, language, loader, processor
    from weft._backend.cpu.digests import digest

    library = threads.library()
    if library is None or not blas.copies() or not language.usable():
        return None
    if not blas.copies()[0].gemm(_LETTERS[char]):
        return None
    real = {"f": "float", "d": "double"}.get(char)
    fields = "\n".join(
        f"  %{name}.at = getelementptr %work, ptr %work, i32 0, i32 {place}\n"
        f"  %{name} = load i64, ptr %{name}.at"
        for place, name in enumerate(_FIELDS, 1)
    )
    text = _TEXT.format(
        fields=fields,
        kind=real or "ptr",
        alpha=f"fadd {real} 0.0, 1.0" if real else "getelementptr i8, ptr %one, i64 0",
        beta=f"fadd {real} 0.0, 0.0" if real else "getelementptr i8, ptr %zero, i64 0",
    )
    key = f"blas_product-{digest([text.encode(), processor.identity()]).hex()[:40]}"
    image = code_cache.get(key)
    if image is None:
        from weft._backend.cpu import compiler

        image = compiler.compile(text)
        code_cache.put(key, image)
    address = loader.place(image, "entry", threads.addresses())
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint)(address)
