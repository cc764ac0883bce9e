"""Pooling: the vectors of a sentence's pieces into one, in the ways that encoders are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import weft
import weft.nn.functional as F

if TYPE_CHECKING:
    from weft import Tensor


@dataclass(frozen=True)
class Pooling:
    """How a sentence's vector is made of those of its pieces.

    Args:
        modes: one or several names, whose results are put one after the other:
            ``cls`` and ``lasttoken`` take the first and the last piece, ``max`` the greatest of
            each dimension, ``mean`` the mean, ``mean_sqrt_len_tokens`` the sum over the root of
            the count, ``weightedmean`` a mean in which the n-th piece counts n times.
        normalise: whether the result is brought to length 1.

    Raises:
        ValueError: no mode, or one that is unknown.

    Source: the module of the same name in sentence-transformers, whose names of modes these are.

    Example:
        >>> import weft
        >>> vectors = weft.tensor([[[1.0, 4.0], [3.0, 2.0], [9.0, 9.0]]])
        >>> is_text = weft.tensor([[True, True, False]])
        >>> weft.text.Pooling(("max",), normalise=False)(vectors, is_text).tolist()
        [[3.0, 4.0]]
    """

    modes: tuple[str, ...] = ("mean",)
    normalise: bool = True

    def __post_init__(self) -> None:
        for mode in self.modes:
            if mode not in _MODES:
                raise ValueError(
                    f"Pooling: a mode must be one of {', '.join(_MODES)}, got {mode!r}"
                )
        if not self.modes:
            raise ValueError(f"Pooling: at least one mode is required, of {', '.join(_MODES)}")

    def __call__(self, vectors: Tensor, is_text: Tensor) -> Tensor:
        """Pool.

        Args:
            vectors: (batch, time, width), what an encoder says of each piece.
            is_text: (batch, time) bool; False where a row was filled up. Each row has a piece.

        Returns:
            (batch, width · modes).
        """
        found = weft.cat([_MODES[mode](vectors, is_text) for mode in self.modes], dim=1)
        return F.normalize(found, dim=1) if self.normalise else found


def _places(is_text: Tensor) -> Tensor:
    """Each piece's place among the pieces of its row, from 1; that of a filled place is 0."""
    return is_text.to(weft.int64).cumsum(1) * is_text


def _at(vectors: Tensor, places: Tensor) -> Tensor:
    wanted = places[:, None, None].expand(-1, 1, vectors.shape[2])
    return vectors.gather(1, wanted).squeeze(1)


def _first(vectors: Tensor, is_text: Tensor) -> Tensor:
    return _at(vectors, is_text.to(weft.int64).argmax(1))


def _last(vectors: Tensor, is_text: Tensor) -> Tensor:
    return _at(vectors, _places(is_text).argmax(1))


def _max(vectors: Tensor, is_text: Tensor) -> Tensor:
    return vectors.masked_fill(~is_text.unsqueeze(-1), -float("inf")).amax(1)


def _sum(vectors: Tensor, is_text: Tensor) -> tuple[Tensor, Tensor]:
    weights = is_text.unsqueeze(-1).to(vectors.dtype)
    return (vectors * weights).sum(1), weights.sum(1)


def _mean(vectors: Tensor, is_text: Tensor) -> Tensor:
    total, count = _sum(vectors, is_text)
    return total / count


def _mean_sqrt(vectors: Tensor, is_text: Tensor) -> Tensor:
    total, count = _sum(vectors, is_text)
    return total / count.sqrt()


def _weighted_mean(vectors: Tensor, is_text: Tensor) -> Tensor:
    weights = _places(is_text).unsqueeze(-1).to(vectors.dtype)
    return (vectors * weights).sum(1) / weights.sum(1)


_MODES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": _first,
    "lasttoken": _last,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
}
