"""Random draws inside ``vmap``: one for all examples, one for each, or none, as its caller asked.

``here.batches`` holds, for each ``vmap`` that is entered, its level, its length, its ``randomness``
and the class of its values. A draw takes them off one by one, and then draws for all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.boxed import Boxed
from weft._core.modes import here
from weft._core.tensor import Tensor, wrap


def drawn(name: str, shape: tuple[int, ...], make: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
    """Return ``make(shape)``, with an axis in front for each batch whose examples draw their own.

    Args:
        name: who draws, for the error.
        shape: the shape that one example asks for.
        make: draws a tensor of a shape.

    Raises:
        RuntimeError: a ``vmap`` around it was not told what random draws are to do.
    """
    if not here.batches:
        return make(shape)
    return _within(
        name,
        lambda: drawn(name, shape, make),
        lambda length: drawn(name, (length, *shape), make),
    )


def drawn_by(name: str, tensors: Sequence[Tensor], draw: Callable[..., Tensor]) -> Tensor:
    """Return ``draw(*tensors)``, a draw whose parameters are tensors and whose leading dims batch.

    Args:
        name: who draws, for the error.
        tensors: the parameters; a batch gets an axis in front of each.
        draw: draws by plain tensors.

    Raises:
        RuntimeError: as in :func:`drawn`; or the examples are to draw the same by parameters that
            differ between them.
    """
    boxes = [t._data for t in tensors if isinstance(t._data, Boxed)]
    level = max((box.level for box in boxes), default=0)
    if not here.batches or here.batches[-1][0] < level:
        if not boxes:
            return draw(*tensors)
        # forward mode: a draw has no slope
        inside = [t._data.inner if _at(t, level) else t for t in tensors]
        return drawn_by(name, inside, draw)
    own = here.batches[-1][0]

    def same() -> Tensor:
        if level == own:
            raise RuntimeError(
                f'{name}: vmap with randomness="same" draws once for all examples, but here what '
                f'the draw goes by differs between them; use randomness="different"'
            )
        return drawn_by(name, tensors, draw)

    def different(length: int) -> Tensor:
        inside = [t._data.inner if _at(t, own) else t.expand((length, *t.shape)) for t in tensors]
        return drawn_by(name, inside, draw)

    return _within(name, same, different)


def check_drawable(name: str) -> None:
    """Raise if a draw that knows nothing of batches is made inside ``vmap``."""
    if here.batches:
        _refuse(name, here.batches[-1][2])
        raise RuntimeError(
            f"{name}: this draw cannot be made for each example of vmap; draw outside, and pass "
            f"what was drawn"
        )


def _within(name: str, same: Callable[[], Tensor], different: Callable[[int], Tensor]) -> Tensor:
    """Draw for the innermost batch, with that one taken off."""
    batches = here.batches
    level, length, randomness, box = batches[-1]
    _refuse(name, randomness)
    here.batches = batches[:-1]
    try:
        if randomness == "same":
            return same()
        return wrap(box(level, different(length), length))
    finally:
        here.batches = batches


def _refuse(name: str, randomness: str) -> None:
    if randomness == "error":
        raise RuntimeError(
            f'{name}: a random draw inside vmap, whose randomness is "error"; pass '
            f'randomness="different" to draw for each example, randomness="same" to draw once for '
            f"all, or draw outside and pass what was drawn"
        )


def _at(x: Any, level: int) -> bool:
    return isinstance(x._data, Boxed) and x._data.level == level
