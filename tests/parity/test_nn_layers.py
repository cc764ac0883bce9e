"""Every layer against PyTorch's: repr, state_dict, outputs, gradients, over constructor options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

import weft
import weft.nn

F64, F32 = "float64", "float32"
TOLERANCE = {F64: 1e-10, F32: 1e-5}
# PyTorch's CPU kernels of these compute their derivative with constants rounded to float32.
ROUNDED_CONSTANTS = {"CELU": 1e-7, "Hardsigmoid": 1e-7}


@dataclass(frozen=True)
class Case:
    """A layer, how it is built and what it is fed with.

    `inputs` are shapes of floating inputs; an array is given as it is. `seeded` are modes in which
    random behaviour would differ, so that only evaluation is compared.
    """

    name: str
    inputs: tuple[Any, ...]
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    train: bool = True
    positive: bool = False  # inputs in (0, 1)

    def __str__(self) -> str:
        shown = ", ".join([*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.options.items())])
        return f"{self.name}({shown})[{len(self.inputs)}x{np.shape(self.inputs[0])}]"


def case(
    name: str, *args: Any, on: Any, train: bool = True, positive: bool = False, **o: Any
) -> Case:
    inputs = on if isinstance(on, list) else [on]
    return Case(name, tuple(inputs), args, o, train, positive)


def ids(*shape: int, high: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).integers(0, high, shape)


def uniform(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(6).uniform(0.05, 0.95, shape)


IMAGE = (2, 4, 9, 8)
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
]  # fmt: skip


class Pair:
    """The same layer of both libraries, with the same weights, and the same inputs for both."""

    def __init__(self, case: Case, dtype: str) -> None:
        self.case = case
        self.dtype = dtype
        rng = np.random.default_rng(1)
        self.theirs = self._build(torch, case)
        self.ours = self._build(weft, case)
        state = {
            name: rng.normal(size=tuple(value.shape)) * 0.5 + (0.1 if "var" not in name else 2.0)
            for name, value in self.theirs.state_dict().items()
            if "num_batches" not in name
        }
        state = {name: np.abs(v) if "var" in name else v for name, v in state.items()}
        current = self.theirs.state_dict()
        for name, value in current.items():
            if name not in state:
                state[name] = value.numpy()
        self.theirs.load_state_dict({k: self.their_tensor(v) for k, v in state.items()})
        self.ours.load_state_dict({k: self.our_tensor(v) for k, v in state.items()})
        self.arrays = [self._input(rng, given) for given in case.inputs]

    def _build(self, library: Any, case: Case) -> Any:
        options = {
            name: library.tensor(value, dtype=getattr(library, self.dtype))
            if "weight" in name and isinstance(value, tuple)
            else value
            for name, value in case.options.items()
        }
        layer = getattr(library.nn, case.name)(*case.args, **options)
        return layer.to(getattr(library, self.dtype)).train(case.train)

    def _input(self, rng: np.random.Generator, given: Any) -> np.ndarray[Any, Any]:
        if isinstance(given, np.ndarray):
            return given if given.dtype == np.int64 else given.astype(self.dtype)
        drawn = rng.uniform(0.05, 0.95, given) if self.case.positive else rng.normal(size=given)
        return drawn.astype(self.dtype)

    def their_tensor(self, array: np.ndarray[Any, Any]) -> torch.Tensor:
        array = np.asarray(array)
        kept = array.dtype.kind in "iu"
        return torch.from_numpy(array if kept else array.astype(self.dtype))

    def our_tensor(self, array: np.ndarray[Any, Any]) -> weft.Tensor:
        array = np.asarray(array)
        kept = array.dtype.kind in "iu"
        return weft.from_numpy(array if kept else array.astype(self.dtype))

    def inputs(self, wrap: Callable[[Any], Any]) -> list[Any]:
        made = []
        for position, array in enumerate(self.arrays):
            tensor = wrap(array.copy())
            learned = array.dtype.kind == "f" and not isinstance(
                self.case.inputs[position], np.ndarray
            )
            if learned:
                tensor.requires_grad_(True)
            made.append(tensor)
        return made

    def close(self, ours: Any, theirs: Any, what: str) -> None:
        tolerance = max(TOLERANCE[self.dtype], ROUNDED_CONSTANTS.get(self.case.name, 0.0))
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        assert a.dtype == b.dtype, f"{what}: {a.dtype} and {b.dtype}"
        assert a.shape == b.shape, f"{what}: {a.shape} and {b.shape}"
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


def flattened(value: Any) -> list[Any]:
    """The tensors in a tensor or in nested tuples."""
    if isinstance(value, tuple):
        return [tensor for part in value for tensor in flattened(part)]
    return [value]


def weighted_sum(library: Any, tensors: list[Any], dtype: str) -> Any:
    """A scalar that depends on every element of every tensor in its own way."""
    total = 0
    for tensor in tensors:
        shape = tuple(tensor.shape)
        weights = np.cos(np.arange(max(int(np.prod(shape)), 1))).reshape(shape).astype(dtype)
        total = total + (tensor * library.from_numpy(np.asarray(weights))).sum()
    return total


# PyTorch warns of its own plans and kernels; weft has nothing to warn of there.
@pytest.mark.filterwarnings("ignore:size_average and reduce args:UserWarning")
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")
@pytest.mark.parametrize("dtype", [F64, F32])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_layer_agrees_with_pytorch(case: Case, dtype: str) -> None:
    pair = Pair(case, dtype)
    assert repr(pair.ours) == repr(pair.theirs)
    assert list(pair.ours.state_dict()) == list(pair.theirs.state_dict())
    our_inputs = pair.inputs(weft.from_numpy)
    their_inputs = pair.inputs(torch.from_numpy)
    # Copies, because inplace=True must not write into a leaf; what it does to them must agree too.
    our_copies = [t.clone() if t.requires_grad else t for t in our_inputs]
    their_copies = [t.clone() if t.requires_grad else t for t in their_inputs]
    ours = flattened(pair.ours(*our_copies))
    theirs = flattened(pair.theirs(*their_copies))
    for position, (a, b) in enumerate(zip(our_copies, their_copies, strict=True)):
        pair.close(a, b, f"input {position} after the call")
    assert len(ours) == len(theirs)
    for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        pair.close(a, b, f"output {position}")
    if theirs[0].requires_grad:
        weighted_sum(weft, ours, dtype).backward()
        weighted_sum(torch, theirs, dtype).backward()
    for position, (a, b) in enumerate(zip(our_inputs, their_inputs, strict=True)):
        if b.requires_grad:
            pair.close(a.grad, b.grad, f"gradient of input {position}")
    for (name, a), (_, b) in zip(
        pair.ours.named_parameters(), pair.theirs.named_parameters(), strict=True
    ):
        assert (a.grad is None) == (b.grad is None), name
        if b.grad is not None:
            pair.close(a.grad, b.grad, f"gradient of {name}")
    for (name, a), (_, b) in zip(
        pair.ours.named_buffers(), pair.theirs.named_buffers(), strict=True
    ):
        pair.close(a, b, f"buffer {name} after the call")


@pytest.mark.parametrize("case", [c for c in CASES if c.name[:5] in ("Batch", "Insta")], ids=str)
def test_norms_agree_after_training_and_in_evaluation(case: Case) -> None:
    pair = Pair(case, F64)
    for step in range(3):
        pair.ours(weft.from_numpy(pair.arrays[0] * (step + 1)))
        pair.theirs(torch.from_numpy(pair.arrays[0] * (step + 1)))
    pair.ours.eval()
    pair.theirs.eval()
    x = pair.arrays[0]
    pair.close(pair.ours(weft.from_numpy(x)), pair.theirs(torch.from_numpy(x)), "evaluation")
    for name, value in pair.theirs.state_dict().items():
        pair.close(pair.ours.state_dict()[name], value, name)


@pytest.mark.parametrize("name", ["LSTM", "LSTMCell"])
def test_lstms_agree_from_given_states(name: str) -> None:
    pair = Pair(Case(name, ((5, 2, 3) if name == "LSTM" else (2, 3),), (3, 4)), F64)
    rng = np.random.default_rng(2)
    shape = (1, 2, 4) if name == "LSTM" else (2, 4)
    h, c = rng.normal(size=shape), rng.normal(size=shape)
    x = pair.arrays[0]
    ours = pair.ours(weft.from_numpy(x), (weft.from_numpy(h), weft.from_numpy(c)))
    theirs = pair.theirs(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))
    for a, b in zip(flattened(ours), flattened(theirs), strict=True):
        pair.close(a, b, "output or state")


def test_cosine_similarity_agrees_on_values_where_the_limit_is_in_force() -> None:
    pair = Pair(Case("CosineSimilarity", ((3, 4), (3, 4)), (), {"eps": 2.0}), F64)
    ours = pair.ours(*(weft.from_numpy(a) for a in pair.arrays))
    pair.close(ours, pair.theirs(*(torch.from_numpy(a) for a in pair.arrays)), "similarity")


@pytest.mark.parametrize("name", ["MaxPool1d", "MaxPool2d", "MaxPool3d"])
def test_pooling_agrees_on_the_indices(name: str) -> None:
    shape = (2, 3, 6, 7, 5)[: int(name[-2]) + 2]
    pair = Pair(
        Case(name, (shape,), (3,), {"stride": 2, "padding": 1, "return_indices": True}), F64
    )
    ours = pair.ours(weft.from_numpy(pair.arrays[0]))
    theirs = pair.theirs(torch.from_numpy(pair.arrays[0]))
    pair.close(ours[0], theirs[0], "maxima")
    pair.close(ours[1], theirs[1], "indices")


# PyTorch's take *args; these are the arguments that its documentation lists, in RNNBase's order.
RECURRENT = [
    "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
]  # fmt: skip
DOCUMENTED = {
    "RNN": [*RECURRENT[:3], "nonlinearity", *RECURRENT[3:], "device", "dtype"],
    "LSTM": [*RECURRENT, "proj_size", "device", "dtype"],
    "GRU": [*RECURRENT, "device", "dtype"],
}
# Old names of min_val and max_val, which PyTorch itself warns of.
DEPRECATED = {"Hardtanh": ["min_value", "max_value"]}


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_constructors_have_pytorchs_arguments_in_its_order(name: str) -> None:
    ours = inspect.signature(getattr(weft.nn, name)).parameters
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    expected = DOCUMENTED.get(name, [p for p in theirs if p not in DEPRECATED.get(name, ())])
    if list(theirs) == ["args", "kwargs"] and not ours:
        return  # written in PyTorch so that arguments pass unread, as in Softmax2d
    assert list(ours) == expected
    for parameter in expected:
        if parameter in theirs and theirs[parameter].kind is not inspect.Parameter.VAR_POSITIONAL:
            assert ours[parameter].default == theirs[parameter].default, parameter
            assert ours[parameter].kind == theirs[parameter].kind, parameter


def test_every_layer_that_is_offered_is_compared_here() -> None:
    layers = {
        name
        for name in weft.nn.__all__
        if isinstance(getattr(weft.nn, name), type)
        and issubclass(getattr(weft.nn, name), weft.nn.Module)
    }
    containers = {
        "Module",
        "Sequential",
        "ModuleList",
        "ModuleDict",
        "ParameterList",
        "ParameterDict",
    }
    assert layers - containers - {"RNNBase"} - {case.name for case in CASES} == set()
    assert {name for name in layers if not hasattr(torch.nn, name)} == set()
