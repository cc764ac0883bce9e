"""LAPACK and BLAS on stacks of matrices: one call for all of them, shared out among the pool.

NumPy's functions copy each matrix in and out and run on one thread; SciPy's are called from Python
for each matrix. Here machine code calls the routine for one matrix after another, where they lie.
Fortran's routines take addresses alone, so that one text serves all with as many arguments.

OpenBLAS's routines may be called from several threads as long as it starts none itself; where it
does, the stack is worked off by one.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import blas, switches, threads
from weft._backend.cpu.addresses import address_of

#: The routines' first letters by NumPy's characters.
LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}
#: Elements of matrices that are worth a thread of their own.
_GRAIN = 4096

# %work: the routine, how many matrices; then for each argument its address, and how far on that of
# the next matrix and of the next thread is. Lengths of texts are passed behind, as Fortran wants.
_TEXT = """
declare void @GOMP_parallel(ptr, ptr, i32, i32)
declare i32 @omp_get_thread_num()
declare i32 @omp_get_num_threads()

define internal void @share(ptr %work) {{
entry:
  %routine = load ptr, ptr %work
  %count.at = getelementptr i64, ptr %work, i64 1
  %count = load i64, ptr %count.at
  %me32 = call i32 @omp_get_thread_num()
  %all32 = call i32 @omp_get_num_threads()
  %me = sext i32 %me32 to i64
  %all = sext i32 %all32 to i64
  %from.times = mul i64 %me, %count
  %from = sdiv i64 %from.times, %all
  %me.next = add i64 %me, 1
  %to.times = mul i64 %me.next, %count
  %to = sdiv i64 %to.times, %all
{first}
  br label %check
check:
  %job = phi i64 [ %from, %entry ], [ %next, %run ]
  %more = icmp slt i64 %job, %to
  br i1 %more, label %run, label %done
run:
{each}
  call void %routine({given}, i64 1, i64 1, i64 1, i64 1)
  %next = add i64 %job, 1
  br label %check
done:
  ret void
}}

define void @entry(ptr %work, i32 %team) {{
entry:
  %one = icmp slt i32 %team, 2
  br i1 %one, label %here, label %there
here:
  call void @share(ptr %work)
  ret void
there:
  call void @GOMP_parallel(ptr @share, ptr %work, i32 %team, i32 0)
  ret void
}}
"""
_FIRST = """\
  %base{i}.at = getelementptr i64, ptr %work, i64 {place}
  %base{i} = load i64, ptr %base{i}.at
  %step{i}.at = getelementptr i64, ptr %work, i64 {place_of_step}
  %step{i} = load i64, ptr %step{i}.at
  %own{i}.at = getelementptr i64, ptr %work, i64 {place_of_own}
  %own{i} = load i64, ptr %own{i}.at
  %mine{i} = mul i64 %own{i}, %me
  %begin{i} = add i64 %base{i}, %mine{i}"""
_EACH = """\
  %far{i} = mul i64 %step{i}, %job
  %sum{i} = add i64 %begin{i}, %far{i}
  %p{i} = inttoptr i64 %sum{i} to ptr"""


class Own:
    """An argument that is memory of each thread's own: (threads, ...)."""

    def __init__(self, array: Any) -> None:
        self.array = array


class Stack:
    """A stack of matrices for which routines are called.

    Attributes:
        count: how many.
        team: how many threads share them.
        whole: the dtype of the routines' whole numbers.
    """

    def __init__(self, library: Any, count: int, elements: int, letter: str) -> None:
        self._library, self._letter, self.count = library, letter, count
        self.whole = np.dtype(np.int64 if library.wide else np.int32)
        worth = max(1, count * elements // _GRAIN)
        # with threads of its own, OpenBLAS shares out each matrix by itself
        self.team = min(threads.count(), count, worth) if library.count() == 1 else 1

    def own(self, *shape: int, dtype: Any) -> Own:
        """Return memory of each thread's own."""
        return Own(np.empty((self.team, *shape), dtype))

    def call(self, name: str, *args: Any) -> None:
        """Call a routine for each matrix.

        Args:
            name: without its first letter.
            args: what it takes: texts, whole numbers, arrays (count, ...) with a part for each
                matrix, arrays without dims, and memory of threads.
        """
        fixed = np.array([_number(arg) for arg in args], np.int64)
        first = address_of(fixed)
        told = [self._library.routine(self._letter + name), self.count]
        for i, arg in enumerate(args):
            if type(arg) is ndarray:
                told += (address_of(arg), arg.strides[0] if arg.ndim else 0, 0)
            elif type(arg) is Own:
                told += (address_of(arg.array), 0, arg.array.strides[0])
            else:
                told += (first + 8 * i, 0, 0)
        work = np.array(told, np.int64)
        _entry(len(args))(address_of(work), self.team)


def _number(arg: Any) -> int:
    """Return what stands for an argument where numbers and texts lie; 0 for what lies elsewhere."""
    return ord(arg) if type(arg) is str else arg if type(arg) is int else 0


def stack(count: int, elements: int, dtype: Any, *routines: str) -> Stack | None:
    """Return a stack of matrices of so many elements each; None where routines cannot be called."""
    letter = LETTERS.get(dtype.char)
    library = _library() if switches.codegen and letter and count else None
    if library is None or not all(library.routine(f"{letter}{name}") for name in routines):
        return None
    assert letter is not None
    return Stack(library, count, elements, letter)


def _library() -> Any:
    """Return NumPy's OpenBLAS, which every process has; None without it or without kernels."""
    from weft._backend.cpu.language import usable

    found = blas.copies()
    if not found or found[0].owner != "numpy" or threads.library() is None or not usable():
        return None
    return found[0]


@functools.cache
def _entry(count: int) -> Any:
    """Return the function that calls a routine of so many arguments for each matrix."""
    from weft._backend.cpu import code_cache, loader, processor
    from weft._backend.cpu.digests import digest

    numbers: Sequence[int] = range(count)
    text = _TEXT.format(
        first="\n".join(
            _FIRST.format(i=i, place=3 * i + 2, place_of_step=3 * i + 3, place_of_own=3 * i + 4)
            for i in numbers
        ),
        each="\n".join(_EACH.format(i=i) for i in numbers),
        given=", ".join(f"ptr %p{i}" for i in numbers),
    )
    key = f"lapack_batch-{digest([text.encode(), processor.identity()]).hex()[:40]}"
    image = code_cache.get(key)
    if image is None:
        from weft._backend.cpu import compiler

        image = compiler.compile(text)
        code_cache.put(key, image)
    address = loader.place(image, "entry", threads.addresses())
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint)(address)
