"""Functions of graphs that reduce dims, and those that normalise over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import weft
from weft import Tensor
from weft.graph._allowed.shaping import dims_of, listed
from weft.graph._function import own

__all__: list[str] = []


def _sum(x: Tensor, dims: list[int]) -> Tensor:
    return weft.sum(x, dims, keepdim=True, dtype=x.dtype)


def _mean(x: Tensor, dims: list[int]) -> Tensor:
    if x.is_floating_point():
        return weft.mean(x, dims, keepdim=True)
    return weft.mean(x.to(weft.float64), dims, keepdim=True).trunc().to(x.dtype)


def _product(x: Tensor, dims: list[int]) -> Tensor:
    for dim in dims:
        x = weft.prod(x, dim, keepdim=True, dtype=x.dtype)
    return x


def _by_float(function: Callable[[Tensor, list[int]], Tensor]) -> Callable[..., Tensor]:
    """Let a function of floats take integers too, whose result is cut off."""

    def reduced(x: Tensor, dims: list[int]) -> Tensor:
        if x.is_floating_point():
            return function(x, dims)
        return function(x.to(weft.float64), dims).to(x.dtype)

    return reduced


_HOW: dict[str, Callable[[Tensor, list[int]], Tensor]] = {
    "sum": _sum,
    "mean": _mean,
    "prod": _product,
    "max": lambda x, dims: weft.amax(x, dims, keepdim=True),
    "min": lambda x, dims: weft.amin(x, dims, keepdim=True),
    "l1": lambda x, dims: _sum(x.abs(), dims),
    "l2": _by_float(lambda x, dims: _sum(x * x, dims).sqrt()),
    "sum_of_squares": lambda x, dims: _sum(x * x, dims),
    "log_of_sum": _by_float(lambda x, dims: _sum(x, dims).log()),
    "log_of_sum_of_exps": _by_float(lambda x, dims: weft.logsumexp(x, dims, keepdim=True)),
}
_OF_NOTHING = {"max": "lowest", "min": "highest"}


@own("reduce(input; how: text, dims?: ints, keepdim?: bool, none_is_all?: bool)")
def reduce(
    input: Tensor,
    how: str,
    dims: int | Sequence[int] | None = None,
    keepdim: bool = True,
    none_is_all: bool = True,
) -> Tensor:
    """Reduce `dims` in the input's dtype.

    `how` is one of sum, mean, prod, max, min, l1, l2, sum_of_squares, log_of_sum and
    log_of_sum_of_exps. An empty list of dims stands for all of them, or for none without
    `none_is_all`: then each element is reduced by itself.
    """
    if how not in _HOW:
        raise ValueError(f"reduce: how must be one of {' '.join(_HOW)}, but is {how!r}")
    chosen = dims_of(input, dims, "reduce")
    if dims is not None and not listed(dims) and none_is_all:
        chosen = dims_of(input, None, "reduce")
    if not chosen:  # weft's own functions take no dims for all of them
        alone = _HOW[how](input.unsqueeze(-1), [input.ndim])
        return alone.squeeze(-1)
    empty = any(input.shape[dim] == 0 for dim in chosen)
    if empty and how in _OF_NOTHING:
        return _extreme_of_nothing(input, chosen, keepdim, how)
    out = _HOW[how](input, chosen)
    return out if keepdim else out.squeeze(tuple(chosen))


def _extreme_of_nothing(x: Tensor, dims: list[int], keepdim: bool, how: str) -> Tensor:
    """Return what the maximum or minimum starts from, as no element is there."""
    if x.dtype == weft.bool:
        number: float | int = int(how == "min")
    elif x.is_floating_point():
        number = float("-inf") if how == "max" else float("inf")
    else:
        limits = weft.iinfo(x.dtype)
        number = limits.min if how == "max" else limits.max
    shape = [1 if dim in dims else size for dim, size in enumerate(x.shape)]
    if not keepdim:
        shape = [size for dim, size in enumerate(x.shape) if dim not in dims]
    return weft.full(shape, number, dtype=x.dtype, device=x.device)


@own("softmax_from(input; dim: int, log?: bool)")
def softmax_from(input: Tensor, dim: int, log: bool = False) -> Tensor:
    """Softmax over `dim` and all dims after it together."""
    function = weft.log_softmax if log else weft.softmax
    (dim,) = dims_of(input, dim, "softmax_from")
    return function(input.flatten(dim), dim).reshape(input.shape)


@own("hardmax(input; dim: int)")
def hardmax(input: Tensor, dim: int) -> Tensor:
    """One at the first largest element along `dim`, zero elsewhere."""
    places = weft.argmax(input, dim, keepdim=True)
    return weft.zeros_like(input).scatter(dim, places, weft.ones_like(places).to(input.dtype))


@own("cumulate(input; dim: ints, how?: text, exclusive?: bool, reverse?: bool)")
def cumulate(
    input: Tensor,
    dim: int | Sequence[int],
    how: str = "sum",
    exclusive: bool = False,
    reverse: bool = False,
) -> Tensor:
    """Running sum or product along `dim`, from its end with `reverse`, without the own element
    with `exclusive`."""
    if how not in ("sum", "prod"):
        raise ValueError(f"cumulate: how must be sum or prod, but is {how!r}")
    along = listed(dim)[0]
    x = input.flip(along) if reverse else input
    if exclusive:
        ones = x.narrow(along, 0, min(1, x.shape[along]))
        start = weft.zeros_like(ones) if how == "sum" else weft.ones_like(ones)
        x = weft.cat([start, x.narrow(along, 0, max(0, x.shape[along] - 1))], along)
    run = weft.cumsum if how == "sum" else weft.cumprod
    out = run(x, along, dtype=x.dtype)
    return out.flip(along) if reverse else out


@own("layer_norm_from(input, weight, bias?; dim?: int, eps?: float) -> 3")
def layer_norm_from(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dim: int = -1,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise over `dim` and all dims after it; also their mean and inverse deviation."""
    (dim,) = dims_of(input, dim, "layer_norm_from")
    over = list(range(dim, input.ndim))
    mean = input.mean(over, keepdim=True)
    centred = input - mean
    inverse = (centred * centred).mean(over, keepdim=True).add(eps).rsqrt()
    out = centred * inverse * weight
    return out if bias is None else out + bias, mean, inverse


@own("layer_norm(input, weight, bias?; dim?: int, eps?: float)")
def layer_norm(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dim: int = -1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over `dim` and all dims after it."""
    (dim,) = dims_of(input, dim, "layer_norm")
    sizes = tuple(input.shape[dim:])
    if tuple(weight.shape) == sizes and (bias is None or tuple(bias.shape) == sizes):
        return weft.nn.functional.layer_norm(input, sizes, weight, bias, eps)
    return layer_norm_from(input, weight, bias, dim=dim, eps=eps)[0]


@own("rms_norm(input, weight; dim?: int, eps?: float)")
def rms_norm(input: Tensor, weight: Tensor, *, dim: int = -1, eps: float = 1e-5) -> Tensor:
    """Divide by the root of the mean square over `dim` and all dims after it."""
    (dim,) = dims_of(input, dim, "rms_norm")
    square = (input * input).mean(list(range(dim, input.ndim)), keepdim=True)
    return input * (square + eps).rsqrt() * weight


@own("lp_normalize(input; p: int, dim: int)")
def lp_normalize(input: Tensor, p: int, dim: int) -> Tensor:
    """Divide by the norm along `dim`; where that is zero, zero."""
    if p not in (1, 2):
        raise ValueError(f"lp_normalize: p must be 1 or 2, but is {p}")
    norm = _HOW["l1" if p == 1 else "l2"](input, [dim])
    return weft.where(norm == 0, weft.zeros_like(input), input / norm)


@own("local_response(input; size: int, alpha?: float, beta?: float, bias?: float)")
def local_response(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """Divide by a power of the sum of squares in `size` channels around each.

    The window has one channel more after than before where `size` is even, the opposite of
    `weft.nn.functional.local_response_norm`.
    """
    squares = (input * input).movedim(1, -1)
    before = (size - 1) // 2
    padded = weft.nn.functional.pad(squares, (before, size - 1 - before))
    windows = padded.unfold(-1, size, 1).sum(-1).movedim(-1, 1)
    return input / (bias + alpha / size * windows) ** beta
