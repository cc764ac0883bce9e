"""The rules of training by gradients over JAX: functions from weights, gradients and state to new.

The state of a rule is a dict of names, each with one array for each weight, and the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

Arrays = dict[str, Any]


def sgd(weights: Arrays, gradients: Arrays, state: Any, *, lr: float, momentum: float) -> Any:
    """Gradient descent with momentum."""
    speed = {name: momentum * state["speed"][name] + gradients[name] for name in weights}
    moved = {name: w - lr * speed[name] for name, w in weights.items()}
    return moved, {"speed": speed, "step": state["step"] + 1}


def adamw(weights: Arrays, gradients: Arrays, state: Any, *, lr: float, weight_decay: float) -> Any:
    """Adam with decay of the weights beside the gradients, other settings as usual."""
    step = state["step"] + 1
    mean = {n: 0.9 * state["mean"][n] + 0.1 * g for n, g in gradients.items()}
    square = {n: 0.999 * state["square"][n] + 0.001 * g * g for n, g in gradients.items()}
    rate = lr / (1 - 0.9**step)
    spread = jnp.sqrt(1 - 0.999**step)
    moved = {
        n: w * (1 - lr * weight_decay) - rate * mean[n] / (jnp.sqrt(square[n]) / spread + 1e-8)
        for n, w in weights.items()
    }
    return moved, {"mean": mean, "square": square, "step": step}


#: By PyTorch's name: the rule, and the names of what it keeps.
RULES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "SGD": (sgd, ("speed",)),
    "AdamW": (adamw, ("mean", "square")),
}


def start(rule: str, weights: Arrays) -> Any:
    """Return a rule's state before the first step."""
    slots = {
        slot: {name: jnp.zeros_like(weight) for name, weight in weights.items()}
        for slot in RULES[rule][1]
    }
    return {**slots, "step": jnp.zeros((), jnp.float32)}
