"""The functions that the language has by itself, by the name that kernels import."""

from __future__ import annotations

from typing import Any


class Intrinsic:
    """A function that the translator knows."""

    def __init__(self, name: str, meaning: str) -> None:
        self.name = name
        self.__doc__ = meaning

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"{self.name} is of the kernel language: kernels alone call it")

    def __repr__(self) -> str:
        return self.name


class Placeholder:
    """A name that each specialisation gives a type or a number: ``scale.at(T=f32)``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"{self.name} is of the kernel language: kernels alone call it")

    def __repr__(self) -> str:
        return self.name


T, U, V, I, C = map(Placeholder, "TUVIC")

sqrt = Intrinsic("sqrt", "Square root.")
floor = Intrinsic("floor", "The largest whole number that is not greater.")
ceil = Intrinsic("ceil", "The smallest whole number that is not less.")
trunc = Intrinsic("trunc", "The whole part.")
rint = Intrinsic("rint", "The nearest whole number, ties to even.")
fma = Intrinsic("fma", "a * b + c, rounded once.")
frem = Intrinsic("frem", "The rest of a division, with the sign of the first; exact, and slow.")
copysign = Intrinsic("copysign", "The magnitude of the first with the sign of the second.")
fmax = Intrinsic("fmax", "The larger; of a NaN and a number the number.")
fmin = Intrinsic("fmin", "The smaller; of a NaN and a number the number.")
bits = Intrinsic("bits", "The same bits as another type: bits(i32, x).")
isnan = Intrinsic("isnan", "Whether a float is not a number.")
select = Intrinsic(
    "select", "select(test, a, b): a where the test holds, else b. Both are computed."
)
simd = Intrinsic(
    "simd",
    "A range whose steps touch no memory of each other, and so run side by side, in place too.",
)
static = Intrinsic("static", "A range written out: its bounds are known and it is short.")
local = Intrinsic("local", "local(f32, 64): so many numbers that the kernel keeps for itself.")
wide = Intrinsic(
    "wide",
    "wide(p): the 64 bytes of numbers from an address on, as one value; arithmetic with it is done "
    "on each, and a single number counts for all. wide(p, n): the first n of them, 0 for the rest.",
)
spread = Intrinsic(
    "spread",
    "spread(p, value): write such a value from an address on; with a third argument as "
    "many of its first numbers.",
)
lanes = Intrinsic("lanes", "lanes(p): how many numbers 64 bytes are, known beforehand.")
total = Intrinsic("total", "total(value): the sum of such a value's numbers.")
thread = Intrinsic("thread", "thread(): the number of the thread that runs.")
barrier = Intrinsic(
    "barrier",
    "barrier(): wait for the other threads of this call; what each wrote before, all read after. "
    "All of them come to it equally often, those without steps too. The kernel is made with "
    "overlap=True, or what others wrote might be taken from registers.",
)
turn = Intrinsic(
    "turn",
    "turn(to, to_step, x, x_step): put a square of numbers, lanes(x) on each side, transposed to "
    "another place; rows are so many elements apart.",
)
copy = Intrinsic("copy", "copy(to, from, count): move elements of one type that do not overlap.")
stream = Intrinsic(
    "stream", "stream(to, from, count): the same past the caches, for large results."
)
prefetch = Intrinsic("prefetch", "prefetch(address): have it near soon; any address is fine.")
memory = Intrinsic(
    "memory",
    "memory(f32, x): the memory of the array whose object lies at address x, as id() tells it. "
    "So one kernel writes to any number of arrays: their addresses come in an array of i64.",
)
ref = Intrinsic(
    "ref",
    "A parameter annotated with it is an array's object, of which memory, length and step tell.",
)
length = Intrinsic("length", "length(x, d): how long dim d of the array at a ref or an id() is.")
step = Intrinsic(
    "step", "step(x, d): how many bytes lie between the elements of such an array along dim d."
)
fold = Intrinsic(
    "fold",
    "fold(to, first, others, steps): for a CRC-32; see dividing.py. Compiling it raises NoProducts "
    "where the processor cannot.",
)
alike = Intrinsic(
    "alike",
    "alike(x, y): whether the first of two such arrays lies without gaps, and has as many dims as "
    "the second, and its dtype.",
)
popcount = Intrinsic("popcount", "The number of bits that are 1.")
