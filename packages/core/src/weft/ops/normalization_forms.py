"""The normalisations as PyTorch has them at its top level: other orders, and what they computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops import normalization
from weft.ops.families.composite import composite


@composite(
    samples=(
        Sample(
            array(3, 2, 4), array(2), array(2), array(2), array(2, low=0.5), False, 0.1, 1e-5, True
        ),
        Sample(array(3, 2), None, None, None, None, True, 0.1, 1e-3, False),
    ),
    errors=(
        ErrorSample(
            array(3, 2), None, None, None, None, False, 0.1, 1e-5, True, error=ValueError,
            match="running_mean",
        ),
    ),
    methods=(),
    key="weft.batch_norm",
)  # fmt: skip
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Normalise each channel by its mean and variance, over the batch or as recorded.

    Args:
        input: (N, C, ...).
        weight: (C,).
        bias: (C,).
        running_mean: (C,); used when not training, and written in training.
        running_var: (C,), likewise; the recorded variance is unbiased.
        training: whether to use the batch's own mean and variance.
        momentum: the new batch's part in the running values.
        eps: added to the variance.
        cudnn_enabled: taken as PyTorch takes it, and not read.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: running values are needed and absent, or a channel has one value in training.
        ShapeError: a parameter's length is not C.
    """
    return normalization.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


@composite(
    samples=(
        Sample(array(2, 3, 4), array(3), array(3), None, None, True, 0.1, 1e-5, True),
        Sample(array(2, 2, 3), None, None, array(2), array(2, low=0.5), False, 0.1, 1e-5, True),
    ),
    methods=(),
    key="weft.instance_norm",
)
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Normalise each channel of each example by its own mean and variance, or as recorded.

    Args:
        input: (N, C, *spatial).
        weight: (C,).
        bias: (C,).
        running_mean: (C,); used when use_input_stats is false, and else written.
        running_var: (C,), likewise.
        use_input_stats: whether to use the input's own mean and variance.
        momentum: the new examples' part in the running values.
        eps: added to the variance.
        cudnn_enabled: taken as PyTorch takes it, and not read.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: running values are needed and absent, or a channel has one element.
        ShapeError: a parameter's length is not C.
    """
    return normalization.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def _centred(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return x normalised over dims, with the means and the roots it was multiplied by."""
    centre = x.mean(dims, True)
    rest = x - centre
    root = ((rest * rest).mean(dims, True) + eps).rsqrt()
    return rest * root, centre, root


@composite(
    samples=(
        Sample(array(3, 2, 4), array(2), array(2), None, None, True, 0.1, 1e-5),
        Sample(array(3, 2), None, None, array(2), array(2, low=0.5), False, 0.1, 1e-5),
    ),
    methods=(),
    out=True,
)
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation, and the mean and scale that were used in training.

    Args:
        input: (N, C, ...).
        weight: (C,).
        bias: (C,).
        running_mean: (C,); used when not training, and written in training.
        running_var: (C,), likewise.
        training: whether to use the batch's own mean and variance.
        momentum: the new batch's part in the running values.
        eps: added to the variance.

    Returns:
        tuple: of input's shape; and (C,) the means and (C,) 1 / sqrt(variance + eps), both empty
        when not training.

    Raises:
        ValueError: running values are needed and absent, or a channel has one value in training.
        ShapeError: a parameter's length is not C.
    """
    out = normalization.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    if not training:
        nothing = input.new_zeros((0,))
        return out, nothing, nothing.clone()
    dims = (0, *range(2, input.ndim))
    _, centre, root = _centred(input, dims, eps)
    return out, centre.reshape((input.shape[1],)), root.reshape((input.shape[1],))


@composite(
    samples=(
        Sample(array(2, 3), (3,), array(3), array(3), 1e-5),
        Sample(array(2, 3, 4), (3, 4), None, None, 1e-3),
    ),
    errors=(ErrorSample(array(2, 3), (2,), None, None, 1e-5, error=ShapeError, match="last dims"),),
    methods=(),
)
def native_layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Layer normalisation, and the means and scales that were used.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the lengths of those dims.
        weight: of normalized_shape.
        bias: of normalized_shape.
        eps: added to the variance.

    Returns:
        tuple: of input's shape; and the means and 1 / sqrt(variance + eps), both (..., 1, ...).

    Raises:
        ShapeError: input does not end in normalized_shape.
    """
    shape = tuple(normalized_shape)
    out = normalization.layer_norm(input, shape, weight, bias, eps)
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    _, centre, root = _centred(input, dims, eps)
    return out, centre, root


@composite(
    samples=(
        Sample(array(2, 4, 3), array(4), array(4), 2, 4, 3, 2, 1e-5),
        Sample(array(2, 4), None, None, 2, 4, 1, 4, 1e-3),
    ),
    errors=(
        ErrorSample(
            array(2, 4, 3), None, None, 2, 4, 2, 2, 1e-5, error=ShapeError, match="24 elements"
        ),
    ),
    methods=(),
)
def native_group_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,  # PyTorch's names
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Group normalisation, and the means and scales that were used.

    Args:
        input: (N, C, *spatial).
        weight: (C,).
        bias: (C,).
        N: the number of examples.
        C: the number of channels.
        HxW: the number of spatial elements.
        group: how many groups; it divides C.
        eps: added to the variance.

    Returns:
        tuple: of input's shape; and (N, group) the means and 1 / sqrt(variance + eps).

    Raises:
        ShapeError: the numbers do not multiply to input's elements.
        ValueError: the groups do not divide the channels.
    """
    if math.prod(input.shape) != N * C * HxW:
        raise ShapeError(
            f"native_group_norm: N={N}, C={C} and HxW={HxW} do not multiply to the "
            f"{math.prod(input.shape)} elements of input.shape == {tuple(input.shape)}"
        )
    out = normalization.group_norm(input.reshape((N, C, HxW)), group, weight, bias, eps)
    _, centre, root = _centred(input.reshape((N, group, C * HxW // group)), (2,), eps)
    shape = (N, group)
    return out.reshape(tuple(input.shape)), centre.reshape(shape), root.reshape(shape)
