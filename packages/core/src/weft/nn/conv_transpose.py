"""Transposed convolution layers: the way back from a convolution's output to its input's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes, spread
from weft.nn.conv import Convolution


class TransposedBase(Convolution):
    """What transposed convolutions share; PyTorch's `_ConvTransposeNd`.

    Arguments: as for `weft.nn.conv.Convolution`.

    Raises:
        ValueError: `padding_mode` is not "zeros".
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any,
        dilation: Any, transposed: bool, output_padding: Any, groups: int, bias: bool,
        padding_mode: str, device: Any = None, dtype: weft.dtype | None = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(
                f"{type(self).__name__}: padding_mode must be 'zeros', got {padding_mode!r}"
            )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, transposed,
            output_padding, groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(
        self,
        input: Tensor,
        output_size: Sequence[int] | None,
        stride: Sequence[int],
        padding: Sequence[int],
        kernel_size: Sequence[int],
        num_spatial_dims: int,
        dilation: Sequence[int] | None = None,
    ) -> Sequence[int]:
        """The output padding with which the output gets `output_size`; this layer's own if None.

        Under PyTorch's name, as layers of other packages call it.
        """
        if output_size is None:
            return self.output_padding
        axes, who = num_spatial_dims, type(self).__name__
        dilation = (1,) * axes if dilation is None else dilation
        leading = input.ndim - axes
        wanted = tuple(output_size)
        if len(wanted) == leading + axes:
            wanted = wanted[leading:]
        if len(wanted) != axes:
            raise ValueError(
                f"{who}: output_size must have {axes} or {leading + axes} numbers, got {wanted}"
            )
        smallest = tuple(
            (input.shape[leading + axis] - 1) * stride[axis]
            - 2 * padding[axis]
            + dilation[axis] * (kernel_size[axis] - 1)
            + 1
            for axis in range(axes)
        )
        largest = tuple(low + step - 1 for low, step in zip(smallest, stride, strict=True))
        if not all(
            low <= size <= high for low, size, high in zip(smallest, wanted, largest, strict=True)
        ):
            raise ValueError(
                f"{who}: output_size must lie between {smallest} and {largest} for an input of "
                f"lengths {tuple(input.shape[leading:])}, got {wanted}"
            )
        return tuple(size - low for size, low in zip(wanted, smallest, strict=True))


class TransposedConvolution(TransposedBase):
    """The gradient of a convolution with respect to its input, as a layer; base of those below.

    Length of an axis: `(n − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding
    + 1`. A convolution with stride maps several lengths to one; `output_padding`, or `output_size`
    in the call, says which of them is meant.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: extent of the kernel, one number or one for each axis.
        stride: step of the convolution that this one turns round.
        padding: that convolution's padding; so many elements are cut off on both sides.
        output_padding: elements added at the end of each axis, fewer than stride or dilation.
        groups: number of blocks into which the channels are divided.
        bias: whether to add a learned bias.
        dilation: distance between the kernel's elements.
        padding_mode: "zeros"; there is no other here.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size), uniform in ±1/√fan at first,
            where fan is `out_channels / groups` times the kernel's elements.
        bias: (out_channels,), likewise, or None.

    Raises:
        ValueError: an argument that no transposed convolution has; the message names it.
    """

    _axes: int
    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        who = type(self).__name__
        if isinstance(padding, str):
            raise ValueError(f"{who}: padding must be numbers, got {padding!r}")
        axes = self._axes
        super().__init__(
            in_channels,
            out_channels,
            spread(kernel_size, axes, f"{who}: kernel_size"),
            spread(stride, axes, f"{who}: stride"),
            spread(padding, axes, f"{who}: padding"),
            spread(dilation, axes, f"{who}: dilation"),
            True,
            spread(output_padding, axes, f"{who}: output_padding"),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The transposed convolution of `input`.

        Args:
            input: (N, in_channels, …) or without the batch axis.
            output_size: the lengths that the output is to have, with or without the axes of
                batch and channels; takes the place of `output_padding`.

        Raises:
            ValueError: no `output_padding` gives that size.
        """
        extra: Sequence[int] = self.output_padding
        if output_size is not None:
            padding: Any = self.padding  # numbers, as the constructor checked
            extra = self._output_padding(
                input, output_size, self.stride, padding, self.kernel_size, self._axes,
                self.dilation,
            )  # fmt: skip
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution over time: (N, C, L) or (C, L).

    Arguments, attributes and errors: as for `weft.nn.conv_transpose.TransposedConvolution`, with
    one axis.

    Source: PyTorch's `torch.nn.ConvTranspose1d`.
    """

    _axes = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(TransposedConvolution):
    """Transposed convolution over images: (N, C, H, W) or (C, H, W).

    Arguments, attributes and errors: as for `weft.nn.conv_transpose.TransposedConvolution`, with
    two axes.

    Source: PyTorch's `torch.nn.ConvTranspose2d`.
    """

    _axes = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(TransposedConvolution):
    """Transposed convolution over volumes: (N, C, D, H, W) or (C, D, H, W).

    Arguments, attributes and errors: as for `weft.nn.conv_transpose.TransposedConvolution`, with
    three axes.

    Source: PyTorch's `torch.nn.ConvTranspose3d`.
    """

    _axes = 3
    _function = staticmethod(F.conv_transpose3d)
