"""Softmax over very many classes: frequent ones by themselves, rare ones in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import weft
from weft import Tensor
from weft._core.errors import ShapeError
from weft.nn import functional as F
from weft.nn.containers import ModuleList, Sequential
from weft.nn.linear import Linear
from weft.nn.module import Module


class AdaptiveLogSoftmaxOutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns.

    Attributes:
        output: (N,), the log-probability of each target.
        loss: (), the negative mean of these.
    """

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probabilities of targets among many classes, which are sorted by frequency.

    A head decides between the first `cutoffs[0]` classes and the clusters of the others; a cluster
    is looked into only where a target lies in it, through a projection that gets narrower from
    cluster to cluster.

    Args:
        in_features: length of the input's last axis.
        n_classes: how many classes there are, the most frequent first.
        cutoffs: where the clusters begin, rising, between 1 and n_classes − 1.
        div_value: cluster i's projection has `in_features // div_value^(i + 1)` features.
        head_bias: whether the head has a bias.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        head: the layer to the first classes and the clusters.
        tail: for each cluster the projection and the layer to its classes.

    Raises:
        ValueError: the cutoffs are not such numbers.

    Source: Grave et al. 2017; PyTorch's `torch.nn.AdaptiveLogSoftmaxWithLoss`.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        edges = [0, *cutoffs, n_classes]
        if not cutoffs or any(low >= high or int(low) != low for low, high in pairwise(edges)):
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs must be integers that rise from at least 1 to "
                f"at most n_classes - 1 = {n_classes - 1}, got {list(cutoffs)}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for cluster, (low, high) in enumerate(pairwise(self.cutoffs)):
            inner = int(in_features // div_value ** (cluster + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, **made),
                    Linear(inner, high - low, bias=False, **made),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for projection, classes in self.tail:
            projection.reset_parameters()
            classes.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> AdaptiveLogSoftmaxOutput:
        """The targets' log-probabilities, and the loss.

        Args:
            input_: (N, in_features) or (in_features,).
            target_: (N,) or (), int64 class numbers.

        Raises:
            ShapeError: the shapes do not fit.
            IndexError: a target is no class.
        """
        shapes = (tuple(input_.shape), tuple(target_.shape))
        if target_.ndim > 1 or input_.ndim != target_.ndim + 1 or shapes[0][:-1] != shapes[1]:
            raise ShapeError(
                "AdaptiveLogSoftmaxWithLoss expects an input (N, in_features) and a target (N,), "
                f"or both without N, got shapes {shapes[0]} and {shapes[1]}"
            )
        batched = target_.ndim == 1
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        if target.numel() and not 0 <= target.min().item() <= target.max().item() < self.n_classes:
            raise IndexError(
                f"AdaptiveLogSoftmaxWithLoss: targets must lie in [0, {self.n_classes - 1}], got "
                f"some from {target.min().item()} to {target.max().item()}"
            )
        # 0 for the first classes, i + 1 for cluster i
        part = weft.bucketize(target, weft.tensor(self.cutoffs[:-1]), right=True)
        place = weft.where(part == 0, target, part + (self.shortlist_size - 1))
        head = F.log_softmax(self.head(input), 1)
        output = head.gather(1, place.unsqueeze(1)).squeeze(1)
        for cluster, layers in enumerate(self.tail):
            rows = (part == cluster + 1).nonzero().squeeze(1)
            if rows.numel():
                inside = F.log_softmax(layers(input.index_select(0, rows)), 1)
                within = target.index_select(0, rows) - self.cutoffs[cluster]
                output = output.index_add(0, rows, inside.gather(1, within.unsqueeze(1)).squeeze(1))
        loss = (-output).mean()
        return AdaptiveLogSoftmaxOutput(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, (N, n_classes), of an input (N, in_features)."""
        return self._all_classes(input, self.head(input))

    def _all_classes(self, input: Tensor, head: Tensor) -> Tensor:
        head = F.log_softmax(head, 1)
        parts = [head[:, : self.shortlist_size]]
        for cluster, layers in enumerate(self.tail):
            at = self.shortlist_size + cluster
            parts.append(F.log_softmax(layers(input), 1) + head[:, at : at + 1])
        return weft.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row of an input (N, in_features): int64, (N,).

        The clusters are looked into only for rows where the head prefers one of them.
        """
        head = self.head(input)
        best = head.argmax(1)
        rows = (best >= self.shortlist_size).nonzero().squeeze(1)
        if rows.numel():
            of_rows = self._all_classes(input.index_select(0, rows), head.index_select(0, rows))
            best = best.index_copy(0, rows, of_rows.argmax(1))
        return best
