"""What is left of a division of floats, exactly: with the sign of either."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    copysign,
    f32,
    f64,
    floor,
    fma,
    frem,
    function,
    overload,
    trunc,
)

# up to these quotients are whole floats, and what fma gives needs no rounding
_MOST32, _MOST64 = 4194304.0, 2251799813685248.0


@function
def _left(x, y, most):
    q = trunc(x / y)
    r = fma(-q, y, x)
    # the quotient may have been rounded up to the next whole number
    r = r + copysign(y, x) if r != 0.0 and (r < 0.0) != (x < 0.0) else r
    r = x if abs(x) < abs(y) else r
    if not abs(q) < most:
        r = frem(x, y)
    return copysign(r, x)


@function
def _fmod32(x, y):
    return _left(x, y, f32(_MOST32))


@function
def _fmod64(x, y):
    return _left(x, y, f64(_MOST64))


fmod = overload(f32=_fmod32, f64=_fmod64)


@function
def remainder(x, y):
    """x - floor(x / y) * y: 0 or with the sign of y."""
    r = fmod(x, y)
    apart = r + y if (r < 0.0) != (y < 0.0) else r
    return copysign(r, y) if r == 0.0 else apart


@function
def floor_divide(x, y):
    """x / y rounded down: of the exact quotient, which dividing floats may have rounded up."""
    r = fmod(x, y)
    q = (x - r) / y
    q = q - 1.0 if r != 0.0 and (r < 0.0) != (y < 0.0) else q
    whole = floor(q)
    whole = whole + 1.0 if q - whole > 0.5 else whole
    whole = copysign(0.0, x / y) if q == 0.0 else whole
    return x / y if y == 0.0 else whole
