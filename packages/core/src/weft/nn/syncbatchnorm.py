"""Batch normalisation over all processes of a training; weft has one, so it is the plain one."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.nn.batchnorm import BatchNormalization
from weft.nn.module import Module


class SyncBatchNorm(BatchNormalization):
    """Batch normalisation of (N, C, …), whose statistics are those of all processes' batches.

    In one process, which is what there is, it computes what `BatchNorm1d` to `3d` compute, of
    inputs of any dimensions from two on. Checkpoints of models converted for PyTorch load.

    Args:
        num_features: channels, the length of axis 1.
        eps: added to the variance.
        momentum: how far the running statistics move toward a batch's; None takes the average.
        affine: whether there is a learned weight and bias.
        track_running_stats: whether to keep running statistics.
        process_group: the processes that share statistics; kept, and of no effect.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        bias: with `affine`, whether there is a bias.

    Attributes: as for `weft.nn.batchnorm.ChannelNormalization`.

    Raises:
        ValueError: the input has fewer than two dimensions, or no channels.

    Source: PyTorch's `torch.nn.SyncBatchNorm`.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any | None = None,
        device: Any = None,
        dtype: weft.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2 or input.shape[1] == 0:
            raise ValueError(
                "SyncBatchNorm expects an input of at least 2 dimensions and one channel "
                f"(input.shape == {tuple(input.shape)})"
            )

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any | None = None) -> Module:
        """`module` with every batch normalisation in it, or itself, as a SyncBatchNorm.

        The parameters and running statistics are taken over, not copied.

        Args:
            module: a model, whose children are replaced in place, or a batch normalisation.
            process_group: passed on to each layer.

        Returns:
            The module, or the layer that replaces it.
        """
        converted = module
        if isinstance(module, BatchNormalization):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            converted.training = module.training
            for name in ("weight", "bias"):
                setattr(converted, name, getattr(module, name))
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(converted, name, getattr(module, name))
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted
