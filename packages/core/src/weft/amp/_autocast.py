"""``autocast``: a block, or a function, whose products are computed in half precision."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any

import weft
from weft import Tensor
from weft._core import modes
from weft.amp._casting import DEFAULT_DTYPES, begin, cast, forget, here, known_kind

_HALVES = (weft.bfloat16, weft.float16)


def is_autocast_available(device_type: str) -> bool:
    """Return whether there is autocast for a kind of device: ``"cpu"`` and ``"cuda"``."""
    return device_type in DEFAULT_DTYPES


class autocast:
    """A block in which products and convolutions run in half precision, and losses in float32.

    Weights stay in float32; each is rounded once within the outermost block. What comes out of a
    product is of half precision and goes on so, until a function that wants more, such as a loss,
    gets it in float32. float64 is left alone. Backward passes run outside of the block, in the
    dtypes that their forward passes had.

    Usable as a decorator too. Blocks nest: ``autocast("cpu", enabled=False)`` is an island of plain
    precision, in which inputs of half precision are to be converted by hand.

    Args:
        device_type: ``"cpu"`` or ``"cuda"``: whose tensors are cast.
        dtype: of products: ``bfloat16`` or ``float16``; by default the former on a CPU, the latter
            on a GPU. ``float32`` casts nothing.
        enabled: False makes the block a plain one.
        cache_enabled: whether a parameter that was rounded is kept for the rest of the block.

    Raises:
        ValueError: no such device or dtype.

    Source: Micikevicius et al., "Mixed Precision Training", ICLR 2018.

    Example:
        >>> layer = weft.nn.Linear(4, 2)
        >>> with weft.autocast("cpu"):
        ...     layer(weft.ones(1, 4)).dtype
        weft.bfloat16
    """

    def __init__(
        self,
        device_type: str,
        dtype: weft.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = known_kind(device_type)
        self.fast_dtype = here.dtypes[self.device] if dtype is None else dtype
        if self.fast_dtype not in (*_HALVES, weft.float32):
            raise ValueError(
                f"autocast: dtype must be weft.bfloat16 or weft.float16 (weft.float32 casts "
                f"nothing), got {self.fast_dtype}"
            )
        self._enabled = enabled and self.fast_dtype in _HALVES
        self._cache_enabled = here.keeps if cache_enabled is None else cache_enabled
        self._before: list[tuple[dict[str, weft.dtype], dict[str, weft.dtype], bool]] = []

    def __enter__(self) -> autocast:
        self._before.append((here.active, here.dtypes, here.keeps))
        others = {kind: dtype for kind, dtype in here.active.items() if kind != self.device}
        here.depth += 1
        here.keeps = self._cache_enabled
        if self._enabled:
            here.dtypes = {**here.dtypes, self.device: self.fast_dtype}
            others[self.device] = self.fast_dtype
        begin(others)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        active, here.dtypes, here.keeps = self._before.pop()
        here.depth -= 1
        if not here.depth:
            forget()
        begin(active)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function run within the block."""

        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return within


class _AsNow:
    """A block in which autocast is as it was when this was made: for second runs."""

    def __init__(self) -> None:
        self._then = here.active

    def __enter__(self) -> None:
        self._now = here.active
        begin(self._then)

    def __exit__(self, *error: object) -> None:
        begin(self._now)


modes.carried.append(_AsNow)


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str,
    cast_inputs: weft.dtype | None = None,
) -> Any:
    """Decorate the ``forward`` of a `weft.autograd.Function` that may run within autocast.

    Args:
        fwd: the method; without it a decorator is returned.
        device_type: ``"cpu"`` or ``"cuda"``.
        cast_inputs: the dtype that floating tensors of this device are cast to on the way in, but
            for float64; within, autocast is off then. None leaves both alone.

    Raises:
        ValueError: no such device.
    """
    kind = known_kind(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._autocast = None if cast_inputs is not None else here.active.get(kind)
        if cast_inputs is None or kind not in here.active:
            return fwd(ctx, *args, **kwargs)
        given = [_on(kind, value, cast_inputs) for value in args]
        named = {key: _on(kind, value, cast_inputs) for key, value in kwargs.items()}
        with autocast(kind, enabled=False):
            return fwd(ctx, *given, **named)

    return forward


def _on(kind: str, value: Any, dtype: weft.dtype) -> Any:
    if not isinstance(value, Tensor) or value.device.type != kind:
        return value
    return cast(value, dtype)


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorate the ``backward`` that belongs to a forward under `custom_fwd`: autocast is as there.

    Args:
        bwd: the method; without it a decorator is returned.
        device_type: ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: no such device.
    """
    kind = known_kind(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        dtype = ctx._autocast
        with autocast(kind, dtype=dtype, enabled=dtype is not None):
            return bwd(ctx, *args, **kwargs)

    return backward
