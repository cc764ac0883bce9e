"""Losses with a margin between two inputs or among three."""

from __future__ import annotations

from collections.abc import Callable

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.distances import pairwise_distance
from weft.ops.families.composite import composite
from weft.ops.loss_pairs import reduced, same_shape

_F = catalogue.FUNCTIONAL
_TINY = 1e-12  # added to squared lengths, as in PyTorch
_REDUCTION = ErrorSample(
    array(3), array(3), reduction="avg", error=ValueError, match="reduction must be"
)


def exceeding(x: Tensor) -> Tensor:
    """Return what of each element is above 0."""
    return x.clamp(min=0)


#: Targets of one sign, integer so that no derivative by them is looked for.
_TOGETHER = {"low": 1, "high": 2}
_APART = {"low": -1, "high": 0}


@composite(
    samples=(
        Sample(array(3, 4), array(3, 4), integers(3, **_TOGETHER)),
        Sample(array(3, 4), array(3, 4), integers(3, **_APART), -0.9, reduction="sum"),
        Sample(array(4), array(4), integers(**_TOGETHER), reduction="none"),
    ),
    errors=(
        ErrorSample(array(3, 4), array(3, 4), array(3, 4), error=ShapeError, match="one dim less"),
    ),
    namespaces=_F,
)
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos for pairs that belong together, max(0, cos - margin) for pairs that do not.

    Args:
        input1: (N, D) or (D,), floating.
        input2: of input1's shape.
        target: (N,) or (), 1 for together and -1 for apart; others give 0.
        margin: up to where a cosine apart costs nothing, in [-1, 1].
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ShapeError: the inputs do not have exactly one dim more than target.
    """
    name = "cosine_embedding_loss"
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1 or target.ndim > 1:
        raise ShapeError(
            f"{name}: target must have one dim less than the inputs, (N,) for (N, D) or () for "
            f"(D,); got {tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    lengths = ((input1 * input1).sum(-1) + _TINY) * ((input2 * input2).sum(-1) + _TINY)
    cosine = (input1 * input2).sum(-1) / lengths.sqrt()
    apart = where(target == -1, exceeding(cosine - margin), 0.0)
    return reduced(name, where(target == 1, 1 - cosine, apart), reduction)


@composite(
    samples=(
        Sample(array(2, 3, low=0.1), integers(2, 3, **_TOGETHER)),
        Sample(array(3, low=0.1, high=0.9), integers(3, **_APART), reduction="sum"),
        Sample(array(3), integers(3, **_APART), 0.0, reduction="none"),
    ),
    errors=(_REDUCTION,),
    namespaces=_F,
)
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """The input where target is 1, max(0, margin - input) where it is -1; their sum elsewhere.

    Args:
        input: (...), such as distances.
        target: broadcasts with input, 1 or -1.
        margin: from where on an input apart costs nothing.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (...) unreduced.
    """
    apart = where(target != 1, exceeding(margin - input), 0.0)
    together = where(target != -1, input, 0.0)
    return reduced("hinge_embedding_loss", apart + together, reduction)


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3), integers(2, 3, **_TOGETHER)),
        Sample(array(3), array(3), integers(3, **_APART), 0.3, reduction="sum"),
    ),
    errors=(ErrorSample(array(3), array(3), array(3, 1), error=ShapeError, match="as many dims"),),
    namespaces=_F,
)
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target (input1 - input2) + margin): which of two should be the larger.

    Args:
        input1: (...).
        input2: (...).
        target: (...), 1 where input1 should be the larger, -1 where input2 should.
        margin: by how much.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (...) unreduced. At the margin itself the gradient is that above it.

    Raises:
        ShapeError: the three have not as many dims.
    """
    name = "margin_ranking_loss"
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            f"{name}: input1, input2 and target must have as many dims, got "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    return reduced(name, exceeding(-target * (input1 - input2) + float(margin)), reduction)


@composite(
    samples=(
        Sample(array(2, 3), integers(2, 3, **_TOGETHER)),
        Sample(array(3), integers(3, **_APART), reduction="sum"),
    ),
    errors=(_REDUCTION, ErrorSample(array(3), array(3, 1), error=ShapeError, match="same shape")),
    namespaces=_F,
)
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target input)): the logistic loss of two classes, without overflow.

    Args:
        input: (...), logits.
        target: (...), 1 or -1.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (...) unreduced.

    Raises:
        ShapeError: the shapes differ.
    """
    from weft.ops.activation import softplus

    same_shape("soft_margin_loss", input, target)
    return reduced("soft_margin_loss", softplus(-target * input), reduction)


def _triplet(
    name: str, near: Tensor, far: Tensor, other: Tensor | None, margin: float, reduction: str
) -> Tensor:
    """Compare distances; ``other`` is the far one seen from the positive example."""
    if margin <= 0:
        raise ValueError(f"{name}: margin must be positive, got {margin}")
    if other is not None:
        far = where(far < other, far, other)
    return reduced(name, exceeding(margin + near - far), reduction)


_THREE = (array(3, 4), array(3, 4), array(3, 4))
_TRIPLES = (
    ErrorSample(*_THREE, margin=0.0, error=ValueError, match="margin must be positive"),
    ErrorSample(array(3, 4), array(3, 4), array(4), error=ShapeError, match="as many dims"),
)


def _require_alike(name: str, anchor: Tensor, positive: Tensor, negative: Tensor) -> None:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: anchor, positive and negative must have as many dims, got "
            f"{tuple(anchor.shape)}, {tuple(positive.shape)} and {tuple(negative.shape)}"
        )


@composite(
    samples=(
        Sample(*_THREE),
        Sample(*_THREE, 0.5, 1.0, reduction="sum"),
        Sample(*_THREE, swap=True, reduction="none"),
        Sample(array(4), array(4), array(4)),
    ),
    errors=_TRIPLES,
    namespaces=_F,
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|).

    Args:
        anchor: (N, D) or (D,).
        positive: of the same shape, what should be near.
        negative: of the same shape, what should be far.
        margin: by how much farther, positive.
        p: the norm's exponent.
        eps: added to each difference.
        swap: whether the negative may also be measured from the positive, if that is nearer.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or (N,) unreduced.

    Raises:
        ValueError: margin is not positive.
        ShapeError: the three have not as many dims.

    Source: Balntas et al., BMVC 2016.
    """
    name = "triplet_margin_loss"
    _require_alike(name, anchor, positive, negative)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    other = pairwise_distance(positive, negative, p, eps) if swap else None
    return _triplet(name, near, far, other, margin, reduction)


@composite(
    samples=(Sample(*_THREE), Sample(*_THREE, swap=True, margin=0.4, reduction="sum")),
    errors=_TRIPLES,
    namespaces=_F,
)
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) of a distance of one's own.

    Args:
        anchor: (N, ...).
        positive: of the same shape, what should be near.
        negative: of the same shape, what should be far.
        distance_function: d, of two tensors; ``pairwise_distance`` if None.
        margin: by how much farther, positive.
        swap: whether the negative may also be measured from the positive, if that is nearer.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        Tensor: (), or what d returns unreduced.

    Raises:
        ValueError: margin is not positive.
        ShapeError: the three have not as many dims.
    """
    name = "triplet_margin_with_distance_loss"
    _require_alike(name, anchor, positive, negative)
    distance = pairwise_distance if distance_function is None else distance_function
    other = distance(positive, negative) if swap else None
    near, far = distance(anchor, positive), distance(anchor, negative)
    return _triplet(name, near, far, other, margin, reduction)
