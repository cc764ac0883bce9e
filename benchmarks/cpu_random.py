"""Random numbers: uniform, normal and whole ones, permutations and draws of categories.

What is drawn differs by library, so shapes and dtypes are what is compared.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import uniform
from benchmarks.rivals.programs import Call

#: What makes so many numbers.
DRAWS: dict[str, Callable[[Any, int], Any]] = {
    "rand": lambda lib, n: lib.rand(n),
    "randn": lambda lib, n: lib.randn(n),
    "randint": lambda lib, n: lib.randint(0, 100, (n,)),
    "randperm": lambda lib, n: lib.randperm(n),
}
#: What fills a tensor.
FILLS: dict[str, Callable[[Any], Any]] = {
    "uniform_": lambda x: x.uniform_(-1, 1),
    "normal_": lambda x: x.normal_(),
    "exponential_": lambda x: x.exponential_(),
    "bernoulli_": lambda x: x.bernoulli_(0.3),
}


def cases() -> Iterator[Case]:
    """Yield draws of a thousand and of a million numbers, then of categories."""
    drawn = functools.partial(alike, compared=_told)
    for size in (1_000, 1_000_000):
        for name in DRAWS:
            yield drawn(f"{name}, {size:,}", functools.partial(_draw, name=name, size=size))
        for name in FILLS:
            yield drawn(f"{name}, {size:,}", functools.partial(_fill, name=name, size=size))
        yield drawn(f"bernoulli, {size:,}", functools.partial(_bernoulli, size=size))
    for count, again in ((1, False), (10, True), (100, False)):
        how = "with" if again else "without"
        yield drawn(
            f"multinomial, {count} of 1000 {how} replacement, 64 rows",
            functools.partial(_multinomial, count=count, again=again),
        )


def _told(drawn: Any) -> Any:
    """Return zeros of what was drawn: shape and dtype."""
    return drawn * 0


def _draw(lib: Any, name: str, size: int) -> Call:
    return lambda: DRAWS[name](lib, size)


def _fill(lib: Any, name: str, size: int) -> Call:
    x = lib.zeros(size)
    return lambda: FILLS[name](x)


def _bernoulli(lib: Any, size: int) -> Call:
    x = uniform(lib, size)
    return lambda: lib.bernoulli(x)


def _multinomial(lib: Any, count: int, again: bool) -> Call:
    x = uniform(lib, 64, 1000, low=0.1)
    return lambda: lib.multinomial(x, count, again)


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
