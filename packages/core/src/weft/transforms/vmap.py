"""Batching: a function of one example runs on all of them at once, op by op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core.boxed import Boxed, new_level
from weft._core.errors import ShapeError
from weft._core.inplace import write
from weft._core.op import NotBatchable
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor, wrap
from weft._core.tree import flatten
from weft.ops.casting import detach
from weft.ops.shape import movedim


class Batched(Boxed):
    """Many values of one shape: ``inner`` has the batch axis first, the function sees none."""

    __slots__ = ("inner", "length")

    def __init__(self, level: int, inner: Tensor, length: int) -> None:
        self.level, self.inner, self.length = level, inner, length

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inner._data.shape[1:])

    @property
    def dtype(self) -> Any:
        return self.inner._data.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(self.inner.numel()) // max(self.length, 1)

    def mapped(self, function: Callable[[Any], Any]) -> Batched:
        """Return the function of the whole batch."""
        return Batched(self.level, function(self.inner), self.length)

    def detached(self) -> Batched:
        """Return the same batch without its graph."""
        return self.mapped(detach)

    @staticmethod
    def process(level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run the op's batching rule on the whole batch."""
        if isinstance(op.batch, NotBatchable):
            raise RuntimeError(f"vmap: {op.called} cannot be batched: {op.batch.reason}")
        boxes = [_box(a, level) for a in args]
        length = next(box.length for box in boxes if box is not None)
        batched = tuple(box is not None for box in boxes)
        inner = tuple(a if box is None else box.inner for a, box in zip(args, boxes, strict=True))
        out = op.batch(length, batched, *inner, **params)
        if op.outputs == 1:
            return Batched(level, out, length)
        return tuple(Batched(level, o, length) for o in out)

    @staticmethod
    def store(level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write into the whole batch's memory, which views of examples share."""
        into, new = _box(target, level), _box(value, level)
        if into is None:
            raise RuntimeError(
                f"vmap: {writer}: a value that each example has its own of cannot be written into "
                f"a tensor of shape {tuple(target.shape)} that all examples share; make that "
                f"tensor of the examples, as x.new_zeros(...) or x.clone() do"
            )
        inner = value.expand((into.length, *value.shape)) if new is None else new.inner
        write(into.inner, inner, writer)


def _box(value: Any, level: int) -> Batched | None:
    if isinstance(value, Tensor) and isinstance(value._data, Batched):
        return value._data if value._data.level == level else None
    return None


def vmap(func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0) -> Callable[..., Any]:
    """Return a function that applies ``func`` to every example of a batch at once.

    Args:
        func: a function of one example, returning a tensor or a nest of them.
        in_dims: the batch dim of every argument, or one for each, or for a nested argument a nest
            like it; None for what all examples share.
        out_dims: where the batch dim is to be in every result, or one for each, nested likewise.

    Returns:
        callable: of the same arguments, batched.

    Raises:
        ShapeError: the batch dims differ in length, or no argument has one.
        RuntimeError: an op in it has a result whose shape depends on data.

    Example:
        >>> weft.func.vmap(weft.dot)(weft.ones(3, 2), weft.ones(3, 2))
        tensor([2., 2., 2.])
    """

    def batched(*args: Any) -> Any:
        dims = tuple(in_dims) if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ShapeError(f"vmap: in_dims has {len(dims)} entries for {len(args)} arguments")
        flat: list[tuple[list[Any], Any, list[int | None]]] = []
        lengths = set()
        for arg, dim in zip(args, dims, strict=True):
            leaves, rebuild = flatten(arg)
            own = _spread("in_dims", dim, arg)
            flat.append((leaves, rebuild, own))
            lengths |= {
                leaf.shape[canonical_dim("vmap", d, leaf.ndim)]
                for leaf, d in zip(leaves, own, strict=True)
                if d is not None and isinstance(leaf, Tensor)
            }
        if len(lengths) != 1:
            raise ShapeError(
                f"vmap: batch dims must have one length, got {sorted(lengths) or 'none'} "
                f"(in_dims={in_dims})"
            )
        (length,) = lengths
        with new_level() as level:
            boxed = [
                rebuild([_boxed(x, d, level, length) for x, d in zip(leaves, own, strict=True)])
                for leaves, rebuild, own in flat
            ]
            result = func(*boxed)
            leaves, rebuild = flatten(result)
            ends = _spread("out_dims", out_dims, result)
            return rebuild(
                [_unboxed(x, d, level, length) for x, d in zip(leaves, ends, strict=True)]
            )

    return batched


def _spread(name: str, dims: Any, tree: Any) -> list[Any]:
    """Return one dim for each leaf of ``tree``; a dim stands for all that is nested below it."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(flatten(tree)[0])
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [d for key, branch in tree.items() for d in _spread(name, dims[key], branch)]
    sequences = isinstance(dims, (tuple, list)) and isinstance(tree, (tuple, list))
    if sequences and len(dims) == len(tree):
        pairs = zip(dims, tree, strict=True)
        return [d for dim, branch in pairs for d in _spread(name, dim, branch)]
    raise ShapeError(f"vmap: {name}={dims!r} is not nested as {type(tree).__name__} {tree!r:.80}")


def _boxed(leaf: Any, dim: int | None, level: int, length: int) -> Any:
    if dim is None or not isinstance(leaf, Tensor):
        return leaf
    return wrap(Batched(level, movedim(leaf, dim, 0), length))


def _unboxed(result: Any, dim: int | None, level: int, length: int) -> Any:
    if not isinstance(result, Tensor):
        return result
    if dim is None:
        if _box(result, level) is not None:
            raise ShapeError("vmap: out_dims=None needs a result that does not depend on the batch")
        return result
    box = _box(result, level)
    if box is None:  # it does not depend on the batch: every example has the same
        inner = result.expand((length, *result.shape))
    else:
        inner = box.inner
    return movedim(inner, 0, dim)
