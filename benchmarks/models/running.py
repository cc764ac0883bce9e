"""How a network is run: for its outputs, for its gradients, or for a step of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Loss = Callable[[Any, Any], Any]  # from the library and the outputs to one number
#: The optimizers of the steps of training, with their settings.
RULES: dict[str, dict[str, float]] = {
    "SGD": {"lr": 1e-3, "momentum": 0.9},
    "AdamW": {"lr": 1e-4, "weight_decay": 0.01},
}


def inference(lib: Any, model: Any, *inputs: Any) -> Callable[[], Any]:
    """Return a call of the model in evaluation, without recording."""
    model.eval()
    if hasattr(
        lib, "compiled_calls"
    ):  # the library compiles whole functions rather than running op by op
        return lib.compiled_calls.inference(model, *inputs)

    def call() -> Any:
        with lib.inference_mode():
            return model(*inputs)

    return call


def gradients(lib: Any, model: Any, loss: Loss, *inputs: Any) -> Callable[[], Any]:
    """Return a call that gives the loss and its gradients by every parameter."""
    model.train()
    if hasattr(lib, "compiled_calls"):
        return lib.compiled_calls.gradients(model, loss, *inputs)
    parameters = list(model.parameters())

    def call() -> Any:
        value = loss(lib, model(*inputs))
        return value, lib.autograd.grad(value, parameters)

    return call


def training(
    lib: Any, model: Any, loss: Loss, *inputs: Any, rule: str = "SGD"
) -> Callable[[], Any]:
    """Return a call that makes one step of training by a rule of :data:`RULES`, giving the loss."""
    model.train()
    if hasattr(lib, "compiled_calls"):
        return lib.compiled_calls.training(model, loss, rule, RULES[rule], *inputs)
    optimizer = getattr(lib.optim, rule)(model.parameters(), **RULES[rule])

    def call() -> Any:
        optimizer.zero_grad()
        value = loss(lib, model(*inputs))
        value.backward()
        optimizer.step()
        return value

    return call
