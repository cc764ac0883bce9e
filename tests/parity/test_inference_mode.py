"""Tensors made in inference mode, and the mode beside others, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import weft

# torch's own first use of forward mode warns of what it is built with
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def made(lib: Any) -> Any:
    with lib.inference_mode():
        return lib.ones(3) * 2


def leaf(lib: Any) -> Any:
    return lib.ones(3, requires_grad=True)


def pulled(lib: Any, y: Any) -> Any:
    _, pullback = lib.func.vjp(lambda a: a * y, lib.ones(3))
    return pullback(lib.ones(3))[0]


#: Functions of a tensor that was made in inference mode, called outside of it.
OUTSIDE: dict[str, Callable[[Any, Any], Any]] = {
    "is_inference": lambda lib, y: [y.is_inference(), lib.is_inference(y), y.requires_grad],
    "result": lambda lib, y: [(y * 2).is_inference(), lib.relu(y).is_inference()],
    "clone": lambda lib, y: y.clone().is_inference(),
    "cloned": lambda lib, y: y.clone().add_(1).tolist(),
    "detach": lambda lib, y: y.detach().is_inference(),
    "data": lambda lib, y: y.data.is_inference(),
    "views": lambda lib, y: [t.is_inference() for t in (y[1:], y.view(3, 1), y.expand(2, 3), *y)],
    "splits": lambda lib, y: [t.is_inference() for t in (*y.split(2), *y.unbind())],
    "same": lambda lib, y: [t.is_inference() for t in (y.contiguous(), y.to(lib.float32))],
    "new": lambda lib, y: [y.new_zeros(2).is_inference(), lib.zeros_like(y).is_inference()],
    "add_": lambda lib, y: y.add_(1),
    "add_ of a view": lambda lib, y: y[1:].add_(1),
    "add_ without grad": lambda lib, y: lib.no_grad()(lambda: y.add_(1))(),
    "add_ in the mode": lambda lib, y: lib.inference_mode()(lambda: y.add_(1).tolist())(),
    "setitem": lambda lib, y: y.__setitem__(0, 1.0),
    "setitem by a list": lambda lib, y: y.__setitem__([0, 1], 1.0),
    "copy_ into": lambda lib, y: y.copy_(lib.ones(3)),
    "zero_": lambda lib, y: y.zero_(),
    "out": lambda lib, y: lib.add(lib.ones(3), lib.ones(3), out=y),
    "copy_ from": lambda lib, y: [(x := lib.ones(3)).copy_(y).tolist(), x.is_inference()],
    "setitem from": lambda lib, y: (x := lib.ones(3), x.__setitem__(0, y[0]), x.tolist())[2],
    "requires_grad_": lambda lib, y: y.requires_grad_(),
    "requires_grad": lambda lib, y: setattr(y, "requires_grad", True),
    "requires_grad_(False)": lambda lib, y: y.requires_grad_(False).requires_grad,
    "Parameter": lambda lib, y: lib.nn.Parameter(y),
    "buffer": lambda lib, y: lib.nn.Parameter(y, requires_grad=False).is_inference(),
    "saved": lambda lib, y: leaf(lib) * y,
    "saved by a product": lambda lib, y: leaf(lib) @ y,
    "saved places": lambda lib, y: leaf(lib)[lib.inference_mode()(y.long)()],
    "saved by a layer": lambda lib, y: lib.nn.Linear(3, 2)(y),
    "not saved": lambda lib, y: (leaf(lib) + y).requires_grad,
    "not saved without grad": lambda lib, y: lib.no_grad()(lambda: (leaf(lib) * y).tolist())(),
    "joined": lambda lib, y: lib.cat([leaf(lib), y]).requires_grad,
    "chosen": lambda lib, y: lib.where(lib.tensor([True, False, True]), y, leaf(lib)).tolist(),
    "gradient": lambda lib, y: lib.func.grad(lambda a: (a * a).sum())(y).tolist(),
    "closed over": lambda lib, y: lib.func.grad(lambda a: (a * y).sum())(lib.ones(3)).tolist(),
    "tangent": lambda lib, y: [t.tolist() for t in lib.func.jvp(lambda a: a * a, (y,), (y,))],
    "vmap": lambda lib, y: lib.vmap(lambda a: a * 2)(y).is_inference(),
    "state": lambda lib, y: (
        lib.nn.BatchNorm1d(3).load_state_dict(
            {"weight": y, "bias": y, "running_mean": y, "running_var": y}, strict=False
        )
        and None
    ),
    "normed": lambda lib, y: lib.inference_mode()(lambda: lib.nn.BatchNorm1d(3))()(lib.ones(2, 3)),
    "numpy": lambda lib, y: y.numpy().tolist(),
}

#: Programs that run in inference mode.
INSIDE: dict[str, Callable[[Any], Any]] = {
    "made": lambda lib: [
        t.is_inference() for t in (lib.ones(2), lib.tensor([1.0]), lib.arange(3), lib.zeros(2)[1:])
    ],
    "computed": lambda lib: [
        t.is_inference()
        for x in (lib.ones(3, 3),)
        for t in (x.exp(), x + 1, x + x, x @ x, x.sum(), x.t(), x.softmax(0), *x.max(dim=0))
    ],
    "requires_grad_": lambda lib: lib.ones(3).requires_grad_().requires_grad,
    "not recorded": lambda lib: (leaf(lib) * 2).requires_grad,
    "enable_grad": lambda lib: lib.enable_grad()(
        lambda: [lib.is_grad_enabled(), (leaf(lib) * 2).requires_grad, (leaf(lib) * 2).is_leaf]
    )(),
    "left": lambda lib: lib.inference_mode(False)(
        lambda: [
            lib.is_grad_enabled(),
            lib.is_inference_mode_enabled(),
            (leaf(lib) * 2).requires_grad,
            lib.ones(2).is_inference(),
        ]
    )(),
    "no_grad": lambda lib: lib.no_grad()(
        lambda: [lib.is_inference_mode_enabled(), lib.ones(2).is_inference()]
    )(),
    "modes": lambda lib: [lib.is_grad_enabled(), lib.is_inference_mode_enabled()],
    "written": lambda lib: lib.ones(3).add_(1).mul_(3).tolist(),
    "gradient": lambda lib: lib.func.grad(lambda a: (a * a).sum())(lib.ones(3)).tolist(),
    "closed over": lambda lib: pulled(lib, lib.ones(3) * 3).tolist(),
    "layer": lambda lib: [
        (layer.weight.is_inference(), layer.weight.requires_grad)
        for layer in (lib.nn.Linear(2, 2),)
    ],
}


def outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except RuntimeError as error:
        text = str(error).lower()
        assert "clone" in text or "inference tensor" in text, text
        return "refused"


@pytest.mark.parametrize("name", OUTSIDE)
def test_tensors_of_the_mode_outside_of_it(name):
    program = OUTSIDE[name]
    ours, theirs = (outcome(lambda lib=lib: program(lib, made(lib))) for lib in (weft, torch))
    assert ours == theirs


@pytest.mark.parametrize("name", INSIDE)
def test_in_the_mode(name):
    def run(lib: Any) -> Any:
        with lib.inference_mode():
            return outcome(lambda: INSIDE[name](lib))

    assert run(weft) == run(torch)


def test_tensors_from_outside_stay_what_they_are():
    def run(lib: Any) -> list[Any]:
        x, recorded = lib.ones(3), leaf(lib)
        with lib.inference_mode():
            seen = [x[1:].is_inference(), x.detach().is_inference(), x.expand(2, 3).is_inference()]
            x.add_(1)
            view = x[1:]
            seen += [x.is_inference(), recorded[1:].is_inference()]
        view.add_(1)
        return [*seen, x.tolist(), (recorded * x).requires_grad]

    assert run(weft) == run(torch)


def test_switching_the_mode_off_records_whatever_is_around_it():
    def run(lib: Any) -> list[Any]:
        with lib.no_grad(), lib.inference_mode(False):
            seen = [lib.is_grad_enabled(), (leaf(lib) * 2).requires_grad]
        with lib.inference_mode():
            lib.set_grad_enabled(True)
            seen += [lib.is_grad_enabled(), (leaf(lib) * 2).requires_grad]
        return [*seen, lib.is_grad_enabled(), lib.is_inference_mode_enabled()]

    assert run(weft) == run(torch)


def test_gradients_of_what_was_recorded_before_can_be_computed_in_the_mode():
    def run(lib: Any) -> list[Any]:
        x = leaf(lib)
        out = (x * x).sum()
        with lib.inference_mode():
            out.backward()
        return [x.grad.tolist(), x.grad.is_inference()]

    assert run(weft) == run(torch)
