"""Backward hooks of modules beside PyTorch's: who is called, in which order, with what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft

# PyTorch warns where no input of a module needs a gradient, and of the older hooks; so does weft.
pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")


def values(gradients: Any) -> list[Any]:
    return [None if g is None else np.round(g.detach().numpy(), 12).tolist() for g in gradients]


def model_of(library: Any) -> Any:
    nn = library.nn

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.second = nn.Sequential(nn.Tanh(), nn.Linear(4, 2))

        def forward(self, x: Any, y: Any, scale: float) -> Any:
            hidden = self.first(x) * scale
            return self.second(hidden), hidden + y

    model = Mixed().double()
    rng = np.random.default_rng(0)
    state = {k: rng.normal(size=tuple(v.shape)) for k, v in model.state_dict().items()}
    model.load_state_dict({k: library.tensor(v) for k, v in state.items()})
    return model


def run(library: Any, register: Any) -> tuple[list[Any], list[Any]]:
    """Return what the hooks saw, and the gradients in the end."""
    model, seen = model_of(library), []
    register(model, seen)
    rng = np.random.default_rng(1)
    x, y = (library.tensor(rng.normal(size=shape)) for shape in ((2, 3), (2, 4)))
    x.requires_grad_(True)
    out, total = model(x, y, 0.5)
    ((out * out).sum() + total.sum()).backward()
    return seen, values([x.grad, *(p.grad for p in model.parameters())])


def note_everything(model: Any, seen: list[Any]) -> None:
    for name, module in model.named_modules():
        module.register_full_backward_pre_hook(
            lambda m, go, name=name: seen.append(("before", name, values(go)))
        )
        module.register_full_backward_hook(
            lambda m, gi, go, name=name: seen.append(("after", name, values(gi), values(go)))
        )


def change_gradients(model: Any, seen: list[Any]) -> None:
    model.second.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    model.first.register_full_backward_hook(lambda m, gi, go: (gi[0] + 1,))
    model.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2, None, None))
    model.second[0].register_full_backward_hook(lambda m, gi, go: seen.append(values(gi)))


def one_module_of_one_op(model: Any, seen: list[Any]) -> None:
    model.second[0].register_backward_hook(lambda m, gi, go: seen.append((values(gi), values(go))))


@pytest.mark.parametrize("register", [note_everything, change_gradients, one_module_of_one_op])
def test_hooks_see_and_change_what_pytorchs_do(register: Any) -> None:
    ours, theirs = run(weft, register), run(torch, register)
    assert ours == theirs


def test_hooks_on_all_modules_run_as_pytorchs() -> None:
    found = []
    for library in (weft, torch):
        seen: list[Any] = []
        place = library.nn if library is weft else torch.nn.modules.module
        handles = [
            place.register_module_full_backward_pre_hook(
                lambda m, go, seen=seen: seen.append((type(m).__name__, values(go)))
            ),
            place.register_module_full_backward_hook(
                lambda m, gi, go, seen=seen: seen.append((type(m).__name__, values(gi)))
            ),
        ]
        seen.append(run(library, lambda model, seen: None)[1])
        for handle in handles:
            handle.remove()
        found.append(seen)
    assert found[0] == found[1]
