"""Every layer against PyTorch's: repr, state_dict, outputs, gradients, over constructor options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weft
import weft.nn
from tests.parity.modules_table import CASES, ELSEWHERE, Case
from tests.parity.torch_side import name_of, quietly

ROOT = Path(__file__).parents[2]
F64, F32 = "float64", "float32"
TOLERANCE = {F64: 1e-10, F32: 1e-5}
# PyTorch's CPU kernels of these compute their derivative with constants rounded to float32.
ROUNDED_CONSTANTS = {"CELU": 1e-7, "Hardsigmoid": 1e-7}


class Pair:
    """The same layer of both libraries, with the same weights, and the same inputs for both."""

    def __init__(self, case: Case, dtype: str) -> None:
        self.case = case
        self.dtype = dtype
        rng = np.random.default_rng(1)
        drawing = np.random.default_rng(2)
        self.arrays = [self._input(drawing, given) for given in case.inputs]
        self.theirs = self._build(torch)
        self.ours = self._build(weft)
        if case.name.startswith("Lazy"):
            self._shape_lazy_layers()
        state = {
            name: rng.normal(size=tuple(value.shape)) * 0.5 + (0.1 if "var" not in name else 2.0)
            for name, value in self.theirs.state_dict().items()
            if "num_batches" not in name and name != "_random_samples"
        }
        state = {name: np.abs(v) if "var" in name else v for name, v in state.items()}
        current = self.theirs.state_dict()
        for name, value in current.items():
            if name not in state:
                state[name] = value.numpy()
        self.exchange_weights()
        self.theirs.load_state_dict({k: self.their_tensor(v) for k, v in state.items()})
        self.ours.load_state_dict({k: self.our_tensor(v) for k, v in state.items()})

    def _build(self, library: Any) -> Any:
        """The layer; tuples of numbers for weights are tensors, functions get the library."""
        options: dict[str, Any] = {}
        for name, value in self.case.options.items():
            if isinstance(value, np.ndarray) or ("weight" in name and isinstance(value, tuple)):
                value = library.tensor(value, dtype=getattr(library, self.dtype))
            options[name] = value(library) if callable(value) else value
        layer = getattr(library.nn, self.case.name)(*self.case.args, **options)
        return layer.to(getattr(library, self.dtype)).train(self.case.train)

    def _shape_lazy_layers(self) -> None:
        """Compare the layers while they have no shapes, then give them some by a first call."""
        assert repr(self.ours) == repr(self.theirs)
        kinds = [
            {name: type(value).__name__ for name, value in layer.state_dict().items()}
            for layer in (self.ours, self.theirs)
        ]
        assert kinds[0] == kinds[1]
        self.ours(*map(self.our_tensor, self.arrays))
        self.theirs(*map(self.their_tensor, self.arrays))
        assert type(self.ours).__name__ == type(self.theirs).__name__

    def exchange_weights(self) -> None:
        """Load each layer's own state into the other, after comparing keys, shapes and dtypes."""
        ours, theirs = self.ours.state_dict(), self.theirs.state_dict()
        assert [(k, tuple(v.shape), v.dtype.name) for k, v in ours.items()] == [
            (k, tuple(v.shape), name_of(v.dtype)) for k, v in theirs.items()
        ]
        drawn = {name: value.numpy().copy() for name, value in ours.items()}
        self.ours.load_state_dict({k: weft.tensor(v.numpy()) for k, v in theirs.items()})
        self.theirs.load_state_dict({k: torch.tensor(v) for k, v in drawn.items()})
        for name, value in self.theirs.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), drawn[name])

    def _input(self, rng: np.random.Generator, given: Any) -> np.ndarray[Any, Any]:
        if isinstance(given, np.ndarray):
            return np.asarray(given if given.dtype == np.int64 else given.astype(self.dtype))
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
        a, b = ours.detach().numpy(), theirs.detach().to_dense().numpy()
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
@pytest.mark.filterwarnings("ignore:.?NLLLoss2d.? :FutureWarning")  # weft warns too
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
    if not our_copies:
        return
    if case.logarithms:
        our_copies[0] = our_copies[0].log_softmax(-1)
        their_copies[0] = their_copies[0].log_softmax(-1)
    ours = flattened(pair.ours(*our_copies, **case.call))
    theirs = flattened(pair.theirs(*their_copies, **case.call))
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
DOCUMENTED: dict[str, list[str]] = {
    "NLLLoss2d": ["weight", "size_average", "ignore_index", "reduce", "reduction"],
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


def pooled(library: Any, case: Case, times: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return the parameters of many layers that were just built, by name, in one row each."""
    drawn: dict[str, list[Any]] = {}
    for _ in range(times):
        pair = object.__new__(Pair)
        pair.case, pair.dtype = case, F64
        for name, value in pair._build(library).named_parameters():
            drawn.setdefault(name, []).append(value.detach().numpy().ravel())
    return {name: np.concatenate(values) for name, values in drawn.items()}


def learns(case: Case) -> bool:
    """Whether the layer draws parameters when it is built."""
    if case.name.startswith("Lazy"):
        return False  # as the layer that it becomes
    pair = object.__new__(Pair)
    pair.case, pair.dtype = case, F64
    return any(True for _ in quietly(pair._build, weft).parameters())


DRAWN = {case.name: case for case in CASES if learns(case)}


@pytest.mark.parametrize("name", DRAWN)
def test_initial_values_are_distributed_as_pytorchs(name: str) -> None:
    weft.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = (pooled(library, DRAWN[name], 40) for library in (weft, torch))
    assert ours.keys() == theirs.keys()
    for key, b in theirs.items():
        a = ours[key]
        if b.size == 0 or np.ptp(b) == 0:
            np.testing.assert_array_equal(a, b, err_msg=key)
            continue
        assert abs(np.abs(a).max() / np.abs(b).max() - 1) < 0.5, key
        for power in (1, 2, 4):
            scatter = np.std(b**power) * np.sqrt(2 / b.size)
            assert abs(np.mean(a**power) - np.mean(b**power)) < 5 * scatter, (key, power)


def test_every_class_of_torch_nn_is_compared() -> None:
    classes = {name for name, value in vars(torch.nn).items() if inspect.isclass(value)}
    compared = {case.name for case in CASES}
    assert compared & ELSEWHERE.keys() == set()
    assert classes - compared - ELSEWHERE.keys() == set()
    assert (compared | ELSEWHERE.keys()) - classes == set()
    assert {name for name in compared if not hasattr(weft.nn, name)} == set()
    missing = {name for name in ELSEWHERE if not hasattr(weft.nn, name)}
    assert missing == {"DataParallel"}
    for name, file in ELSEWHERE.items():
        assert name in (ROOT / file).read_text(encoding="utf-8"), name


def test_every_layer_that_is_offered_is_pytorchs() -> None:
    layers = {
        name
        for name in weft.nn.__all__
        if isinstance(getattr(weft.nn, name), type)
        and issubclass(getattr(weft.nn, name), weft.nn.Module)
    }
    # PyTorch has this one in torch.nn.modules.lazy
    assert {name for name in layers if not hasattr(torch.nn, name)} == {"LazyModuleMixin"}


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_a_sparse_table_learns_as_pytorchs(name: str) -> None:
    tables = []
    start = np.random.default_rng(0).normal(size=(9, 3))
    for library in (weft, torch):
        table = getattr(library.nn, name)(9, 3, sparse=True, _weight=library.tensor(start))
        optimizer = library.optim.SparseAdam(table.parameters(), lr=0.1)
        for step in range(5):
            optimizer.zero_grad()
            rows = library.tensor(np.array([[step, 2], [step + 3, step]]))
            table(rows).square().sum().backward()
            optimizer.step()
        tables.append(table.weight.detach().numpy())
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-12)
    np.testing.assert_array_equal(tables[0][8], start[8])  # never looked up
