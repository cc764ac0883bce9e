"""Batching: a function of one example runs on all of them at once, op by op."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from weft._core.boxed import Boxed, check_live, new_level
from weft._core.errors import ShapeError
from weft._core.generator import default_generator
from weft._core.inplace import write
from weft._core.modes import here
from weft._core.op import NotBatchable
from weft._core.tensor import Tensor, wrap
from weft._core.tree import flatten
from weft.ops.casting import detach
from weft.ops.memory import copied
from weft.ops.permuting import movedim

_RANDOMNESS = ("error", "different", "same")


class Batched(Boxed):
    """Many values of one shape: ``inner`` has the batch axis first, the function sees none."""

    __slots__ = ("inner", "length")

    transform = "vmap"
    label = "batched"

    def __init__(self, level: int, inner: Tensor, length: int) -> None:
        self.level, self.inner, self.length = level, inner, length

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inner._data.shape[1:])

    @property
    def size(self) -> int:
        return int(self.inner.numel()) // max(self.length, 1)

    def mapped(self, function: Callable[[Any], Any]) -> Batched:
        """Return the function of the whole batch."""
        return Batched(self.level, function(self.inner), self.length)

    def detached(self) -> Batched:
        """Return the same batch without its graph."""
        return self.mapped(detach)

    def read(self, asked: str) -> Any:
        """Raise: one number stands for as many as there are examples."""
        check_live(self, asked)
        raise RuntimeError(
            f"{asked}: inside vmap a tensor stands for {self.length} values, one of each example, "
            f"so Python cannot read one or branch on it; choose between results with weft.where, "
            f"or read before or after vmap"
        )

    def spread(self, plain: Tensor) -> Tensor:
        """Return a tensor that was made inside as one of each example's own."""
        wide = copied(plain.expand((self.length, *plain.shape)))
        data = self.inner._data
        inner = data.spread(wide) if isinstance(data, Boxed) else wide
        return wrap(Batched(self.level, inner, self.length))

    @classmethod
    def store(cls, level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write into the whole batch's memory, which views of examples share."""
        into, new = _box(target, level), _box(value, level)
        if into is None:
            raise RuntimeError(
                f"{writer}: vmap cannot write the values of {value._data.length} examples into one "
                f"tensor of shape {tuple(target.shape)} that all examples share; make that tensor "
                f"for each example, as x.new_zeros(...) or weft.zeros_like(x) of a mapped x do, or "
                f"use the op that makes a new tensor"
            )
        inner = value.expand((into.length, *value.shape)) if new is None else new.inner
        write(into.inner, inner, writer)

    @staticmethod
    def process(level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run the op's batching rule on the whole batch."""
        if isinstance(op.batch, NotBatchable):
            raise RuntimeError(
                f"vmap: {op.called} cannot be batched: {op.batch.reason}; use an op whose "
                f"result has one shape for all examples (weft.where, masked_fill, sort, topk), or "
                f"run a loop over the examples"
            )
        boxes = [_box(a, level) for a in args]
        length = next(box.length for box in boxes if box is not None)
        batched = tuple(box is not None for box in boxes)
        inner = tuple(a if box is None else box.inner for a, box in zip(args, boxes, strict=True))
        out = op.batch(length, batched, *inner, **params)
        if op.outputs == 1:
            return Batched(level, out, length)
        return tuple(Batched(level, o, length) for o in out)


def _box(value: Any, level: int) -> Batched | None:
    if isinstance(value, Tensor) and isinstance(value._data, Batched):
        return value._data if value._data.level == level else None
    return None


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that applies ``func`` to every example of a batch at once.

    Args:
        func: a function of one example, returning a tensor or a nest of them.
        in_dims: the batch dim of every positional argument, or one for each, or for a nested
            argument a nest like it; None for what all examples share, as they share the keyword
            arguments.
        out_dims: where the batch dim is to be in every result, or one for each, nested likewise;
            None for a result that does not depend on the batch.
        randomness: what a random draw inside does: ``"error"`` raises, ``"different"`` draws for
            each example, ``"same"`` draws once for all.
        chunk_size: at most how many examples to run at once; all if None.

    Returns:
        callable: of the same arguments, batched.

    Raises:
        ShapeError: the batch dims differ in length, or no argument has one.
        ValueError: ``in_dims`` or ``out_dims`` does not fit, or a result is no tensor.
        RuntimeError: an op in it has a result whose shape depends on data, or draws at random.

    Example:
        >>> weft.func.vmap(weft.dot)(weft.ones(3, 2), weft.ones(3, 2))
        tensor([2., 2., 2.])
    """
    if randomness not in _RANDOMNESS:
        raise ValueError(f"vmap: randomness must be one of {_RANDOMNESS}, got {randomness!r}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size must be None or positive, got {chunk_size}")

    @functools.wraps(func, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, dims, rebuild, length = _arguments(func, in_dims, args)
        call = functools.partial(func, **kwargs) if kwargs else func
        if chunk_size is None or chunk_size >= length:
            return _run(call, leaves, dims, rebuild, length, out_dims, randomness)
        state = default_generator.get_state() if randomness == "same" else None
        results = []
        for start in range(0, length, chunk_size):
            if state is not None:  # every chunk draws what the first one drew
                default_generator.set_state(state)
            count = min(chunk_size, length - start)
            part = [
                x if d is None else x.narrow(d, start, count)
                for x, d in zip(leaves, dims, strict=True)
            ]
            results.append(_run(call, part, dims, rebuild, count, out_dims, randomness))
        return _joined(results, out_dims)

    return batched


def _arguments(
    func: Any, in_dims: Any, args: tuple[Any, ...]
) -> tuple[list[Any], list[int | None], Any, int]:
    """Return the leaves of all arguments, their batch dims, what rebuilds them, and the length."""
    if not args:
        raise ValueError(f"vmap: {_name(func)} was called without arguments to map over")
    if isinstance(in_dims, (tuple, list)):
        if len(in_dims) != len(args):
            raise ShapeError(f"vmap: in_dims has {len(in_dims)} entries for {len(args)} arguments")
        given = tuple(in_dims)
    elif in_dims is None or _is_dim(in_dims):
        given = (in_dims,) * len(args)
    else:
        raise ValueError(f"vmap: in_dims must be an int, None or a tuple of them, got {in_dims!r}")
    leaves, rebuild = flatten(args)
    dims: list[int | None] = []
    for position, (arg, dim) in enumerate(zip(args, given, strict=True)):
        dims += _spread(f"in_dims[{position}]", dim, arg)
    lengths = set()
    for i, (leaf, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            continue
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"vmap: cannot map over {type(leaf).__name__} {leaf!r:.60}, which is no tensor; "
                f"pass None as its in_dims"
            )
        if not -leaf.ndim <= dim < leaf.ndim:
            raise IndexError(
                f"vmap: in_dims: dim {dim} is out of range for an argument of shape "
                f"{tuple(leaf.shape)}"
            )
        dims[i] = dim % leaf.ndim
        lengths.add(leaf.shape[dim])
    if len(lengths) != 1:
        raise ShapeError(
            f"vmap: batch dims must have one length, got {sorted(lengths) or 'none'} "
            f"(in_dims={in_dims})"
        )
    return leaves, dims, rebuild, lengths.pop()


def _run(
    func: Any,
    leaves: list[Any],
    dims: list[int | None],
    rebuild: Any,
    length: int,
    out_dims: Any,
    randomness: str,
) -> Any:
    before = here.batches
    with new_level("vmap") as level:
        here.batches = (*before, (level, length, randomness, Batched))
        try:
            boxed = [_boxed(x, d, level, length) for x, d in zip(leaves, dims, strict=True)]
            result = func(*rebuild(boxed))
        finally:
            here.batches = before
        results, rejoin = flatten(result)
        ends = _spread("out_dims", out_dims, result)
        return rejoin(
            [_unboxed(func, x, d, level, length) for x, d in zip(results, ends, strict=True)]
        )


def _joined(results: list[Any], out_dims: Any) -> Any:
    """Return the results of the chunks as those of the whole batch."""
    from weft.ops.joining import cat

    parts = [flatten(one) for one in results]
    rejoin = parts[0][1]
    ends = _spread("out_dims", out_dims, results[0])
    columns = zip(*(leaves for leaves, _ in parts), strict=True)
    return rejoin(
        [
            column[0] if dim is None else cat(list(column), dim)
            for column, dim in zip(columns, ends, strict=True)
        ]
    )


def _is_dim(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name(func: Any) -> str:
    func = getattr(func, "func", func)  # of a partial
    return getattr(func, "__name__", type(func).__name__)


def _spread(name: str, dims: Any, tree: Any) -> list[Any]:
    """Return one dim for each leaf of ``tree``; a dim stands for all that is nested below it."""
    if dims is None or _is_dim(dims):
        return [dims] * len(flatten(tree)[0])
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [d for key, branch in tree.items() for d in _spread(name, dims[key], branch)]
    sequences = isinstance(dims, (tuple, list)) and isinstance(tree, (tuple, list))
    if sequences and len(dims) == len(tree):
        pairs = zip(dims, tree, strict=True)
        return [d for dim, branch in pairs for d in _spread(name, dim, branch)]
    raise ShapeError(f"vmap: {name}={dims!r} is not nested as {type(tree).__name__} {tree!r:.80}")


def _boxed(leaf: Any, dim: int | None, level: int, length: int) -> Any:
    if dim is None:
        return leaf
    return wrap(Batched(level, leaf if dim == 0 else movedim(leaf, dim, 0), length))


def _unboxed(func: Any, result: Any, dim: int | None, level: int, length: int) -> Any:
    if not isinstance(result, Tensor):
        if dim is None:
            return result
        raise ValueError(
            f"vmap: {_name(func)} must return tensors, got {type(result).__name__} "
            f"{result!r:.60}; leave it out, or pass None as its out_dims"
        )
    box = _box(result, level)
    if dim is None:
        if box is not None:
            raise ShapeError("vmap: out_dims=None needs a result that does not depend on the batch")
        return result
    if box is None:  # it does not depend on the batch: every example has the same
        inner = result.expand((length, *result.shape))
    else:
        inner = box.inner
    if not -inner.ndim <= dim < inner.ndim:
        raise IndexError(
            f"vmap: out_dims: dim {dim} is out of range for a result of shape "
            f"{tuple(inner.shape[1:])} and its batch dim"
        )
    return inner if dim == 0 else movedim(inner, 0, dim)
