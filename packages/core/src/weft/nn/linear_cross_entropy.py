"""A last linear layer and its cross entropy as one loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn.linear import Linear
from weft.nn.loss import _WeightedLoss

_POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """Computes `linear_cross_entropy` in chunks of the batch, so that the logits are never whole.

    Worth it where the classes are many: each chunk's logits are forgotten after use and made again
    in the backward pass.

    Args:
        allow_retain_graph: whether there may be a second backward pass; there always may be here.
        batch_chunk_size: rows of a chunk; all of them when None.
        chunking_method: "aspect_ratio" makes a chunk's logits as large as the whole input, rounded
            up to a power of two rows; "aspect_ratio:N" takes an N-th of that; "auto" is
            "aspect_ratio:2" unless a size is given; None leaves it to the size.
        acc_policy: "auto", "accurate", "balanced" or "compact"; of no effect here.
        acc_dtype: the dtype in which the chunks' losses are added up; the input's when None.

    Raises:
        ValueError: a setting out of range, or in the call a size and a method that disagree.

    Source: PyTorch's `torch.nn.LinearCrossEntropyOptions`.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: weft.dtype | None = None

    def __post_init__(self) -> None:
        who = "LinearCrossEntropyOptions"
        if self.acc_policy not in _POLICIES:
            raise ValueError(
                f"{who}: acc_policy must be one of {', '.join(_POLICIES)}, got {self.acc_policy!r}"
            )
        if self.chunking_method not in (None, "auto"):
            name, colon, number = str(self.chunking_method).partition(":")
            counted = not colon or (number.isdigit() and int(number) > 0)
            if name != "aspect_ratio" or not counted:
                raise ValueError(
                    f"{who}: chunking_method must be 'auto', 'aspect_ratio', 'aspect_ratio:N' or "
                    f"None, got {self.chunking_method!r}"
                )
        size = self.batch_chunk_size
        if size is not None and (not isinstance(size, int) or size <= 0):
            raise ValueError(f"{who}: batch_chunk_size must be positive or None, got {size!r}")
        if self.acc_dtype is not None and not self.acc_dtype.is_floating_point:
            raise ValueError(f"{who}: acc_dtype must be floating or None, got {self.acc_dtype}")

    def rows(self, batch: int, features: int, classes: int) -> int:
        """How many rows a chunk has, for a batch, its features and the number of classes.

        Raises:
            ValueError: the size that was given is not the one that the method gives.
        """
        method, size = self.chunking_method, self.batch_chunk_size
        if method == "auto":
            method = "aspect_ratio:2" if size is None else None
        if method is None:
            return max(1, batch if size is None else min(size, batch))
        share = -(-batch // max(1, -(-classes // max(1, features))))
        rows = (1 << max(0, share - 1).bit_length()) // int(method.partition(":")[2] or 1)
        rows = max(1, min(rows, batch))
        if size is not None and size != rows:
            raise ValueError(
                f"LinearCrossEntropyOptions: batch_chunk_size={size} and chunking_method={method!r}"
                f", which gives {rows}, disagree; give one of them"
            )
        return rows


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of the logits that a learned linear layer makes of its input.

    Args:
        in_features: length of the input's last axis.
        num_classes: how many classes there are.
        out_features: further axes of the logits, which are (N, num_classes, *out_features).
        bias: whether the layer has a bias.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        reduction: "mean" (divided by the weights that count), "sum" or "none".
        weight: (num_classes,), a factor for each class; a buffer.
        ignore_index: targets with this number count nothing; −100 when None.
        label_smoothing: the share of the target that is spread evenly over all classes.
        options: see `LinearCrossEntropyOptions`.

    Attributes:
        linear: the layer, with num_classes · product(out_features) outputs.

    Raises:
        ValueError: `weight` has another shape, or `label_smoothing` lies outside [0, 1].

    Source: PyTorch's `torch.nn.LinearCrossEntropyLoss`.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ValueError(
                f"LinearCrossEntropyLoss: weight must have shape {(num_classes,)}, got "
                f"{tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"LinearCrossEntropyLoss: label_smoothing must lie in [0, 1], got {label_smoothing}"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Input (N, in_features) or (in_features,); target as for `CrossEntropyLoss`'s logits."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
