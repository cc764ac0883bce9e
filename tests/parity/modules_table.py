"""Every class of torch.nn with the settings and inputs that the parity tests try it with.

`tests/parity/test_nn_layers.py` runs the cases, and fails where a class of torch.nn is neither
here nor among those that are tested elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A layer, how it is built and what it is fed with.

    `inputs` are shapes of floating inputs; an array is given as it is, a number too. Without inputs
    the layer is built and never called. `train` is false where random numbers would differ.
    """

    name: str
    inputs: tuple[Any, ...]
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    train: bool = True
    positive: bool = False  # inputs in (0, 1)
    call: dict[str, Any] = field(default_factory=dict)  # settings of forward
    logarithms: bool = False  # the first input goes through log_softmax before

    def __str__(self) -> str:
        options = (f"{k}={'made' if callable(v) else repr(v)}" for k, v in self.options.items())
        shown = ", ".join([*map(repr, self.args), *options])
        of = np.shape(self.inputs[0]) if self.inputs else ()
        return f"{self.name}({shown})[{len(self.inputs)}x{of}]"


def case(
    name: str,
    *args: Any,
    on: Any,
    train: bool = True,
    positive: bool = False,
    call: dict[str, Any] | None = None,
    logarithms: bool = False,
    **options: Any,
) -> Case:
    """Return a case on inputs that are a list, or the only one."""
    inputs = on if isinstance(on, list) else [on]
    return Case(name, tuple(inputs), args, options, train, positive, call or {}, logarithms)


def ids(*shape: int, high: int) -> np.ndarray[Any, Any]:
    """Return numbers below `high`."""
    return np.random.default_rng(5).integers(0, high, shape)


def uniform(*shape: int) -> np.ndarray[Any, Any]:
    """Return numbers within (0, 1), which are given as they are and not differentiated."""
    return np.random.default_rng(6).uniform(0.05, 0.95, shape)


def signs(*shape: int) -> np.ndarray[Any, Any]:
    """Return ones and minus ones."""
    return np.asarray(np.random.default_rng(7).choice([-1.0, 1.0], shape))


def corners(batch: tuple[int, ...], windows: tuple[int, ...], kernel: int) -> Any:
    """Return the position of the first element of each window, as max pooling counts them."""
    place: Any = np.zeros(windows, np.int64)
    for axis, number in enumerate(windows):
        along = np.arange(number).reshape([-1 if axis == d else 1 for d in range(len(windows))])
        place = place * (number * kernel) + along * kernel
    return np.broadcast_to(place, (*batch, *windows)).copy()


IMAGE = (2, 4, 9, 8)
VOLUME = (2, 3, 5, 6, 4)
CASES = [
    # linear
    case("Identity", 3, on=(2, 3)),
    case("Linear", 5, 3, on=(4, 5)),
    case("Linear", 5, 3, on=(5,)),
    case("Linear", 5, 3, bias=False, on=(2, 3, 4, 5)),
    case("Bilinear", 3, 4, 5, on=[(2, 3), (2, 4)]),
    case("Bilinear", 3, 4, 5, bias=False, on=[(2, 6, 3), (2, 6, 4)]),
    # convolutions
    case("Conv1d", 4, 6, 3, on=(2, 4, 9)),
    case("Conv1d", 4, 6, 3, on=(4, 9)),
    case("Conv1d", 4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False, on=(2, 4, 9)),
    case("Conv1d", 4, 4, 4, padding="same", padding_mode="circular", on=(2, 4, 9)),
    case("Conv2d", 4, 6, 3, on=IMAGE),
    case("Conv2d", 4, 6, 3, on=IMAGE[1:]),
    case("Conv2d", 4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), on=IMAGE),
    case("Conv2d", 4, 8, 3, groups=4, padding=1, on=IMAGE),
    case("Conv2d", 4, 6, (3, 4), padding="same", on=IMAGE),
    case("Conv2d", 4, 6, 3, padding="same", dilation=2, bias=False, on=IMAGE),
    case("Conv2d", 4, 6, 3, padding="valid", on=IMAGE),
    case("Conv2d", 4, 6, 3, padding=(2, 1), padding_mode="reflect", on=IMAGE),
    case("Conv2d", 4, 6, 3, padding=1, padding_mode="replicate", stride=2, on=IMAGE),
    case("Conv2d", 4, 6, (4, 3), padding="same", padding_mode="reflect", on=IMAGE),
    case("Conv2d", 4, 6, 3, padding=1, padding_mode="circular", on=IMAGE),
    case("Conv3d", 2, 3, 2, on=(2, 2, 4, 5, 3)),
    case("Conv3d", 2, 4, (2, 3, 1), stride=(1, 2, 1), padding=1, groups=2, on=(2, 2, 4, 5, 3)),
    case("Conv3d", 2, 4, (2, 3, 2), padding="same", on=(1, 2, 4, 5, 3)),
    # transposed convolutions
    case("ConvTranspose1d", 4, 6, 3, on=(2, 4, 9)),
    case("ConvTranspose1d", 4, 6, 3, 2, 1, 1, 2, False, 2, on=(4, 9)),
    case("ConvTranspose2d", 4, 6, 3, on=IMAGE),
    case("ConvTranspose2d", 4, 6, 2, stride=2, on=IMAGE[1:]),
    case("ConvTranspose2d", 4, 8, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), on=IMAGE),
    case("ConvTranspose2d", 4, 8, 3, stride=2, output_padding=(1, 0), groups=4, on=IMAGE),
    case("ConvTranspose3d", 2, 3, 2, on=(2, 2, 4, 5, 3)),
    case("ConvTranspose3d", 2, 4, (2, 3, 1), stride=(1, 2, 1), groups=2, on=(2, 2, 4, 5, 3)),
    # batch normalisation
    *(
        case(name, 4, on=shape, **options)
        for name, shape in (
            ("BatchNorm1d", (5, 4)), ("BatchNorm1d", (5, 4, 3)),
            ("BatchNorm2d", IMAGE), ("BatchNorm3d", (2, 4, 3, 2, 5)),
        )
        for options in (
            {}, {"eps": 0.1, "momentum": 0.3}, {"momentum": None}, {"affine": False},
            {"track_running_stats": False}, {"bias": False},
        )
    ),
    # instance normalisation
    *(
        case(name, 4, on=shape, **options)
        for name, shape in (
            ("InstanceNorm1d", (2, 4, 5)), ("InstanceNorm1d", (4, 5)), ("InstanceNorm2d", IMAGE),
            ("InstanceNorm2d", IMAGE[1:]), ("InstanceNorm3d", (2, 4, 3, 2, 5)),
        )
        for options in (
            {}, {"eps": 0.1, "affine": True}, {"track_running_stats": True, "momentum": 0.3},
            {"affine": True, "bias": False, "track_running_stats": True},
        )
    ),
    # other normalisations
    case("LayerNorm", 5, on=(2, 3, 5)),
    case("LayerNorm", (3, 5), eps=0.1, on=(2, 3, 5)),
    case("LayerNorm", 5, elementwise_affine=False, on=(2, 5)),
    case("LayerNorm", [5], bias=False, on=(2, 5)),
    case("GroupNorm", 2, 4, on=IMAGE),
    case("GroupNorm", 4, 4, eps=0.1, affine=False, on=(3, 4)),
    case("GroupNorm", 1, 4, bias=False, on=(3, 4, 5)),
    case("RMSNorm", 5, on=(2, 3, 5)),
    case("RMSNorm", (3, 5), eps=0.1, elementwise_affine=False, on=(2, 3, 5)),
    # activations
    *(
        case(name, on=(3, 7), **options)
        for name, options in (
            ("ReLU", {}), ("ReLU", {"inplace": True}), ("ReLU6", {}), ("ReLU6", {"inplace": True}),
            ("LeakyReLU", {}), ("LeakyReLU", {"negative_slope": 0.3}), ("ELU", {}),
            ("ELU", {"alpha": 0.4}), ("CELU", {}), ("CELU", {"alpha": 0.4}), ("SELU", {}),
            ("SiLU", {}), ("GELU", {}), ("GELU", {"approximate": "tanh"}), ("Mish", {}),
            ("Hardtanh", {}), ("Hardtanh", {"min_val": -0.3, "max_val": 0.5}), ("Hardswish", {}),
            ("Hardsigmoid", {}), ("Sigmoid", {}), ("Tanh", {}), ("Softplus", {}),
            ("Softplus", {"beta": 2.0, "threshold": 1.0}), ("Softsign", {}), ("LogSigmoid", {}),
            ("Tanhshrink", {}), ("Softshrink", {}), ("Softshrink", {"lambd": 0.2}),
            ("Hardshrink", {}), ("Hardshrink", {"lambd": 0.2}),
            ("Softmax", {"dim": 1}), ("Softmax", {"dim": 0}), ("LogSoftmax", {"dim": -1}),
            ("Softmin", {"dim": 1}),
        )
    ),
    case("Threshold", 0.2, 5.0, on=(3, 7)),
    case("Softmax2d", on=IMAGE),
    case("GLU", on=(3, 8)),
    case("GLU", dim=0, on=(4, 3)),
    case("PReLU", on=(3, 4)),
    case("PReLU", 4, init=0.1, on=IMAGE),
    # dropout, in evaluation: in training the numbers differ by design
    *(
        case(name, on=shape, train=False, **options)
        for name, shape in (
            ("Dropout", (3, 4)), ("Dropout1d", (2, 3, 4)), ("Dropout2d", IMAGE),
            ("Dropout3d", (1, 2, 3, 4, 5)),
        )
        for options in ({}, {"p": 0.2, "inplace": True})
    ),
    case("Dropout", p=0.0, on=(3, 4)),
    case("Dropout", p=1.0, on=(3, 4)),
    # pooling
    case("MaxPool1d", 3, on=(2, 3, 10)),
    case("MaxPool1d", 3, stride=2, padding=1, dilation=2, ceil_mode=True, on=(2, 3, 10)),
    case("MaxPool2d", 2, on=IMAGE),
    case("MaxPool2d", 2, on=IMAGE[1:]),
    case("MaxPool2d", (3, 2), stride=(2, 1), padding=(1, 0), on=IMAGE),
    case("MaxPool2d", 3, stride=2, padding=1, dilation=2, ceil_mode=True, on=IMAGE),
    case("MaxPool3d", 2, stride=1, on=(1, 2, 4, 5, 3)),
    case("AvgPool1d", 3, on=(2, 3, 10)),
    case("AvgPool1d", 3, 2, padding=1, ceil_mode=True, count_include_pad=False, on=(2, 3, 10)),
    case("AvgPool2d", 2, on=IMAGE),
    case("AvgPool2d", (3, 2), stride=(2, 1), padding=(1, 0), on=IMAGE),
    case("AvgPool2d", 3, 2, padding=1, ceil_mode=True, count_include_pad=False, on=IMAGE),
    case("AvgPool2d", 3, divisor_override=5, on=IMAGE),
    case("AvgPool3d", 2, stride=1, on=(1, 2, 4, 5, 3)),
    case("AdaptiveAvgPool1d", 4, on=(2, 3, 10)),
    case("AdaptiveAvgPool2d", 1, on=IMAGE),
    case("AdaptiveAvgPool2d", (4, 3), on=IMAGE),
    case("AdaptiveAvgPool2d", (None, 3), on=IMAGE[1:]),
    case("AdaptiveAvgPool3d", (2, 3, 2), on=(1, 2, 4, 5, 3)),
    case("AdaptiveMaxPool1d", 4, on=(2, 3, 10)),
    case("AdaptiveMaxPool2d", (4, 3), on=IMAGE),
    case("AdaptiveMaxPool3d", (2, 3, 2), on=(1, 2, 4, 5, 3)),
    # padding
    *(
        case(f"{kind}Pad{axes}d", padding, on=(2, 3, 5, 6, 4)[: axes + 2])
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for axes, padding in ((1, 2), (1, (1, 2)), (2, 1), (2, (1, 2, 0, 3)), (3, 1))
    ),
    case("ReflectionPad3d", (1, 0, 2, 1, 0, 1), on=(2, 3, 5, 6, 4)),
    case("ConstantPad1d", 2, 1.5, on=(2, 3, 5)),
    case("ConstantPad2d", (1, -1, 0, 2), -2.0, on=IMAGE),
    case("ConstantPad3d", 1, 0.5, on=(2, 3, 5, 6, 4)),
    # shape
    case("Flatten", on=(2, 3, 4)),
    case("Flatten", 0, 1, on=(2, 3, 4)),
    case("Unflatten", 1, (2, -1), on=(3, 8)),
    case("PixelShuffle", 2, on=(2, 8, 3, 4)),
    case("PixelUnshuffle", 2, on=(2, 3, 4, 6)),
    case("ChannelShuffle", 2, on=IMAGE),
    # resampling
    case("Upsample", (5, 7), on=IMAGE),
    case("Upsample", 5, on=(2, 3, 4)),
    case("Upsample", scale_factor=2, on=IMAGE),
    case("Upsample", scale_factor=(1.5, 2), mode="bilinear", align_corners=True, on=IMAGE),
    case("Upsample", None, 1.7, "bicubic", False, True, on=IMAGE),
    case("Upsample", scale_factor=2, mode="linear", on=(2, 3, 4)),
    case("Upsample", size=(4, 3, 5), mode="trilinear", on=(1, 2, 3, 4, 2)),
    case("UpsamplingNearest2d", 5, on=IMAGE),
    case("UpsamplingNearest2d", scale_factor=2, on=IMAGE),
    case("UpsamplingBilinear2d", (5, 7), on=IMAGE),
    case("UpsamplingBilinear2d", scale_factor=(2, 1.5), on=IMAGE),
    # distance
    case("CosineSimilarity", on=[(3, 4), (3, 4)]),
    case("CosineSimilarity", dim=-1, on=[(3, 2, 4), (3, 1, 4)]),
    case("PairwiseDistance", on=[(3, 4), (3, 4)]),
    case("PairwiseDistance", p=1, keepdim=True, on=[(3, 4), (3, 4)]),
    # embedding
    case("Embedding", 7, 3, on=ids(2, 5, high=7)),
    case("Embedding", 7, 3, padding_idx=-5, on=ids(4, 5, high=7)),
    case("Embedding", 7, 3, max_norm=1.0, norm_type=1.0, on=ids(4, 5, high=7)),
    case("Embedding", 7, 3, scale_grad_by_freq=True, on=ids(4, 5, high=7)),
    # recurrent
    *(
        case(name, 3, 4, on=on, **options)
        for name in ("RNNCell", "LSTMCell", "GRUCell")
        for on, options in (((2, 3), {}), ((3,), {}), ((2, 3), {"bias": False}))
    ),
    case("RNNCell", 3, 4, nonlinearity="relu", on=[(2, 3), (2, 4)]),
    case("GRUCell", 3, 4, on=[(2, 3), (2, 4)]),
    *(
        case(name, 3, 4, on=on, **options)
        for name in ("RNN", "LSTM", "GRU")
        for on, options in (
            ((5, 2, 3), {}), ((5, 3), {}), ((5, 2, 3), {"bias": False}),
            ((2, 5, 3), {"batch_first": True, "bidirectional": True}),
            ((5, 2, 3), {"num_layers": 3, "bidirectional": True}),
        )
    ),
    case("RNN", 3, 4, nonlinearity="relu", num_layers=2, on=[(5, 2, 3), (2, 2, 4)]),
    case("GRU", 3, 4, num_layers=2, on=[(5, 2, 3), (2, 2, 4)]),
    case("LSTM", 3, 4, num_layers=2, dropout=0.5, on=(5, 2, 3), train=False),
    case("LSTM", 3, 4, num_layers=2, proj_size=2, bidirectional=True, on=(5, 2, 3)),
    # losses
    *(
        case(name, on=[(4, 3), uniform(4, 3)], positive=name == "BCELoss", reduction=reduction, **o)
        for name, o in (
            ("L1Loss", {}), ("MSELoss", {}), ("SmoothL1Loss", {"beta": 0.5}),
            ("SmoothL1Loss", {"beta": 0.0}), ("HuberLoss", {"delta": 0.5}), ("BCELoss", {}),
            ("BCEWithLogitsLoss", {}), ("KLDivLoss", {}), ("KLDivLoss", {"log_target": True}),
        )
        for reduction in ("mean", "sum", "none")
    ),
    case("KLDivLoss", reduction="batchmean", on=[(4, 3), uniform(4, 3)]),
    case("L1Loss", size_average=False, on=[(4, 3), uniform(4, 3)]),
    case("MSELoss", reduce=False, on=[(4, 3), uniform(4, 3)]),
    *(
        case(name, on=on, reduction=reduction, **options)
        for name in ("NLLLoss", "CrossEntropyLoss")
        for on in (
            [(6, 3), ids(6, high=3)], [(3,), ids(high=3)], [(2, 3, 4, 5), ids(2, 4, 5, high=3)],
        )
        for options in ({}, {"ignore_index": 1}, {"weight": (0.2, 1.0, 3.0)})
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("CrossEntropyLoss", on=on, label_smoothing=0.3, **options)
        for on in ([(6, 3), ids(6, high=3)], [(6, 3), uniform(6, 3)])
        for options in ({}, {"weight": (0.2, 1.0, 3.0)}, {"reduction": "sum"})
    ),
    case("BCEWithLogitsLoss", weight=(0.2, 1.0, 3.0), pos_weight=(2.0, 0.1, 1.0),
         on=[(4, 3), uniform(4, 3)]),
    case("BCELoss", weight=(0.2, 1.0, 3.0), on=[(4, 3), uniform(4, 3)], positive=True),
    # transposed convolutions to a given size
    case("ConvTranspose1d", 4, 6, 3, stride=3, on=(2, 4, 5), call={"output_size": [16]}),
    case("ConvTranspose2d", 4, 6, 3, 2, 1, on=IMAGE, call={"output_size": [2, 6, 18, 15]}),
    # other normalisations
    case("LocalResponseNorm", 2, on=IMAGE),
    case("LocalResponseNorm", 3, 0.5, 0.6, 2.0, on=(2, 5, 3)),
    # one channel: with more, PyTorch's gradient takes those of a window that lies one too far
    case("CrossMapLRN2d", 5, on=(2, 1, 4, 5)),
    case("CrossMapLRN2d", 3, 0.5, 0.6, 2.0, on=(2, 1, 4, 5)),
    case("SyncBatchNorm", 4, on=IMAGE),
    case("SyncBatchNorm", 4, momentum=None, bias=False, on=(5, 4)),
    case("SyncBatchNorm", 4, affine=False, track_running_stats=False, on=(5, 4, 3)),
    # activations and dropout that draw: in evaluation, and where nothing is left to chance
    case("RReLU", on=(3, 7), train=False),
    case("RReLU", 0.1, 0.4, True, on=(3, 7), train=False),
    case("RReLU", 0.2, 0.2, on=(3, 7)),
    *(
        case(name, on=IMAGE, train=False, **options)
        for name in ("AlphaDropout", "FeatureAlphaDropout")
        for options in ({}, {"p": 0.2, "inplace": True})
    ),
    # pooling
    *(
        case(f"LPPool{axes}d", 2, 3, on=(2, 3, 7, 6, 5)[: axes + 2], positive=True)
        for axes in (1, 2, 3)
    ),
    case("LPPool1d", 3.0, 2, stride=1, ceil_mode=True, on=(3, 8), positive=True),
    case("LPPool2d", 1.5, (3, 2), stride=(2, 1), on=IMAGE, positive=True),
    case("FractionalMaxPool2d", 2, (4, 3), _random_samples=uniform(2, 4, 2), on=IMAGE),
    case("FractionalMaxPool2d", (2, 3), output_ratio=0.5, return_indices=True,
         _random_samples=uniform(2, 4, 2), on=IMAGE),
    case("FractionalMaxPool3d", 2, (3, 4, 2), _random_samples=uniform(2, 3, 3), on=VOLUME),
    case("FractionalMaxPool3d", (2, 1, 2), output_ratio=(0.5, 0.6, 0.5),
         _random_samples=uniform(2, 3, 3), on=VOLUME),
    case("MaxUnpool1d", 3, on=[(2, 3, 4), corners((2, 3), (4,), 3)]),
    case("MaxUnpool2d", 2, on=[(2, 3, 4, 5), corners((2, 3), (4, 5), 2)]),
    case("MaxUnpool2d", (2, 2), 2, 0, on=[(3, 4, 5), corners((3,), (4, 5), 2)],
         call={"output_size": (9, 10)}),
    case("MaxUnpool3d", 2, stride=2, on=[(2, 2, 3, 2, 2), corners((2, 2), (3, 2, 2), 2)]),
    # windows as columns
    case("Unfold", 3, on=IMAGE),
    case("Unfold", (2, 3), dilation=2, padding=1, stride=(2, 1), on=IMAGE),
    case("Fold", (5, 4), 2, on=(2, 12, 12)),
    case("Fold", (5, 4), (2, 3), padding=1, stride=2, on=(2, 12, 6)),
    case("Fold", 5, 2, dilation=2, on=(8, 9)),
    # embedding
    case("Embedding", 7, 3, sparse=True, on=ids(2, 5, high=7), train=False),
    *(
        case("EmbeddingBag", 7, 3, on=ids(4, 5, high=7), mode=mode, **options)
        for mode in ("mean", "sum", "max")
        for options in ({}, {"padding_idx": -3})
    ),
    case("EmbeddingBag", 7, 3, on=[ids(9, high=7), np.array([0, 4, 4])]),
    case("EmbeddingBag", 7, 3, mode="max", include_last_offset=True,
         on=[ids(9, high=7), np.array([0, 4, 4, 9])]),
    case("EmbeddingBag", 7, 3, max_norm=1.0, norm_type=1.0, on=ids(4, 5, high=7)),
    # each row once: PyTorch divides by the counts of other rows
    case("EmbeddingBag", 7, 3, scale_grad_by_freq=True, on=np.arange(6).reshape(2, 3)),
    case("EmbeddingBag", 7, 3, mode="sum", on=[ids(9, high=7), np.array([0, 4]), (9,)]),
    # lazy layers, which the first input makes ordinary ones
    case("LazyLinear", 3, on=(4, 5)),
    case("LazyLinear", 3, bias=False, on=(2, 4, 5)),
    case("LazyConv1d", 6, 3, on=(2, 4, 9)),
    case("LazyConv1d", 6, 3, 2, 1, 1, 2, False, "circular", on=(4, 9)),
    case("LazyConv2d", 6, (3, 2), padding="same", on=IMAGE),
    case("LazyConv3d", 4, 2, on=(2, 2, 4, 5, 3)),
    case("LazyConvTranspose1d", 6, 3, 2, 1, 1, 2, False, 2, on=(2, 4, 9)),
    case("LazyConvTranspose2d", 6, 2, stride=2, on=IMAGE[1:]),
    case("LazyConvTranspose3d", 4, (2, 3, 1), groups=2, on=(2, 2, 4, 5, 3)),
    *(
        case(f"Lazy{kind}{axes}d", on=(2, 4, 3, 2, 5)[: axes + 2], **options)
        for kind in ("BatchNorm", "InstanceNorm")
        for axes in (1, 2, 3)
        for options in (
            {}, {"affine": False, "momentum": 0.3}, {"bias": False, "track_running_stats": False},
        )
    ),
    # cells
    case("RNNCellBase", 3, 4, True, 2, on=[]),
    case("RNNCellBase", 3, 4, bias=False, num_chunks=3, on=[]),
    # losses between inputs, and with a margin
    *(
        case(name, on=[(5,), (5,), signs(5)], reduction=reduction, **options)
        for name, options in (("MarginRankingLoss", {}), ("MarginRankingLoss", {"margin": 0.7}))
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case(name, on=[(4, 3), signs(4, 3)], reduction=reduction, **options)
        for name, options in (
            ("HingeEmbeddingLoss", {}), ("HingeEmbeddingLoss", {"margin": 0.3}),
            ("SoftMarginLoss", {}),
        )
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("CosineEmbeddingLoss", on=on, reduction=reduction, **options)
        for on in ([(4, 3), (4, 3), signs(4)], [(3,), (3,), signs()])
        for options in ({}, {"margin": 0.2})
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("MultiMarginLoss", on=on, reduction=reduction, **options)
        for on in ([(6, 3), ids(6, high=3)], [(3,), ids(high=3)])
        for options in ({}, {"p": 2, "margin": 0.4}, {"weight": (0.2, 1.0, 3.0)})
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("MultiLabelMarginLoss", on=on, reduction=reduction)
        for on in (
            [(2, 4), np.array([[3, 0, -1, 1], [2, -1, 0, 1]])], [(4,), np.array([1, 3, -1, 0])],
        )
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("MultiLabelSoftMarginLoss", on=[(4, 3), np.round(uniform(4, 3))],
             reduction=reduction, **options)
        for options in ({}, {"weight": (0.2, 1.0, 3.0)})
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("TripletMarginLoss", on=[(4, 3)] * 3, reduction=reduction, **options)
        for options in ({}, {"margin": 0.3, "p": 1.0, "swap": True}, {"p": 3.0, "eps": 1e-3})
        for reduction in ("mean", "sum", "none")
    ),
    case("TripletMarginWithDistanceLoss", on=[(4, 3)] * 3),
    case("TripletMarginWithDistanceLoss", on=[(4, 3)] * 3, margin=0.3, swap=True, reduction="none",
         distance_function=lambda library: library.nn.CosineSimilarity()),
    case("TripletMarginWithDistanceLoss", on=[(4, 3)] * 3, reduction="sum",
         distance_function=lambda library: lambda x, y: (x - y).abs().sum(-1)),
    # losses that are likelihoods
    *(
        case("PoissonNLLLoss", on=[(4, 3), uniform(4, 3) * 5], reduction=reduction,
             positive=not options.get("log_input", True), **options)
        for options in ({}, {"log_input": False, "eps": 1e-3}, {"full": True})
        for reduction in ("mean", "sum", "none")
    ),
    *(
        case("GaussianNLLLoss", on=[(4, 3), uniform(4, 3), var], reduction=reduction, **options)
        for var in (uniform(4, 3), uniform(4), uniform(4, 1))
        for options in ({}, {"full": True, "eps": 0.3})
        for reduction in ("mean", "sum", "none")
    ),
    case("GaussianNLLLoss", on=[(4, 3), uniform(4, 3), (4, 3)], positive=True),
    *(
        case("CTCLoss", on=on, reduction=reduction, logarithms=True, **options)
        for on in (
            [(9, 2, 4), ids(2, 3, high=3) + 1, np.array([9, 7]), np.array([3, 2])],
            [(9, 2, 4), ids(5, high=3) + 1, np.array([9, 7]), np.array([3, 2])],
        )
        for options in ({}, {"zero_infinity": True})
        for reduction in ("mean", "sum", "none")
    ),
    case("CTCLoss", blank=3, logarithms=True,
         on=[(9, 4), ids(3, high=3), np.array(8), np.array(3)]),
    *(
        case("NLLLoss2d", on=[(2, 3, 4, 5), ids(2, 4, 5, high=3)], **options)
        for options in ({}, {"ignore_index": 1, "reduction": "sum"}, {"weight": (0.2, 1.0, 3.0)})
    ),
    *(
        case("AdaptiveLogSoftmaxWithLoss", 16, 20, [4, 10], on=on, **options)
        for on in ([(6, 16), ids(6, high=20)], [(16,), ids(high=20)], [(3, 16), ids(3, high=4)])
        for options in ({}, {"div_value": 2.0, "head_bias": True})
    ),
    *(
        case("LinearCrossEntropyLoss", 4, 3, on=on, **options)
        for on in ([(6, 4), ids(6, high=3)], [(4,), ids(high=3)], [(6, 4), uniform(6, 3)])
        for options in (
            {}, {"bias": True, "reduction": "sum"},
            {"weight": (0.2, 1.0, 3.0), "label_smoothing": 0.3, "reduction": "none"},
        )
    ),
    *(
        case("LinearCrossEntropyLoss", 4, 3, on=[(7, 4), ids(7, high=3)], bias=True,
             reduction=reduction, ignore_index=1, weight=weight,
             options=lambda library: library.nn.LinearCrossEntropyOptions(batch_chunk_size=3))
        for reduction in ("mean", "sum", "none")
        for weight in (None, (0.2, 1.0, 3.0))
    ),
    case("LinearCrossEntropyLoss", 4, 3, out_features=(2, 5), bias=True, ignore_index=1,
         on=[(6, 4), ids(6, 2, 5, high=3)]),
]  # fmt: skip

#: Classes of torch.nn that are no layers with a forward to compare, and where they are tested.
ELSEWHERE = {
    "Buffer": "tests/core/nn/test_parameter.py",
    "Container": "tests/core/nn/test_more_layers.py",
    "DataParallel": "tests/parity/test_compat_bases.py",  # of weft.compat.torch alone
    "LinearCrossEntropyOptions": "tests/core/nn/test_more_layers.py",
    "Module": "tests/parity/test_nn_module.py",
    "ModuleDict": "tests/core/nn/test_containers.py",
    "ModuleList": "tests/core/nn/test_containers.py",
    "Parameter": "tests/core/nn/test_parameter.py",
    "ParameterDict": "tests/core/nn/test_containers.py",
    "ParameterList": "tests/core/nn/test_containers.py",
    "RNNBase": "tests/core/nn/test_recurrent.py",
    "Sequential": "tests/core/nn/test_containers.py",
    "UninitializedBuffer": "tests/core/nn/test_lazy.py",
    "UninitializedParameter": "tests/core/nn/test_lazy.py",
    **dict.fromkeys(
        [
            "MultiheadAttention", "Transformer", "TransformerDecoder", "TransformerDecoderLayer",
            "TransformerEncoder", "TransformerEncoderLayer",
        ],
        "tests/parity/test_nn_attention.py",
    ),
}  # fmt: skip
