"""As much of a library with an ``nn`` as the benchmarks' networks use, over JAX and its jit.

The networks are written once, in PyTorch's names. Here these names make pure functions of JAX's
arrays, and :data:`compiled_calls` compiles a whole forward pass, or a whole step of training.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import jax_layers as nn
from benchmarks.rivals.jax_module import Module
from benchmarks.rivals.jax_rules import RULES, start

__all__ = ["broadcast_to", "cat", "compiled_calls", "from_numpy", "nn", "permute", "zeros"]


def from_numpy(array: np.ndarray[Any, Any]) -> jax.Array:
    """Return the array on JAX's device. int64 becomes int32, as JAX has it by default."""
    return jnp.asarray(array)


def zeros(*shape: int) -> jax.Array:
    """Return zeros in float32."""
    return jnp.zeros(shape, jnp.float32)


def permute(x: jax.Array, dims: tuple[int, ...]) -> jax.Array:
    """Reorder the dims."""
    return jnp.transpose(x, dims)


def cat(parts: tuple[jax.Array, ...], dim: int) -> jax.Array:
    """Join along a dim."""
    return jnp.concatenate(parts, dim)


def broadcast_to(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Repeat along dims of length 1."""
    return jnp.broadcast_to(x, shape)


class _Compiled:
    """What :mod:`benchmarks.models.running` calls in place of running op by op."""

    def inference(self, model: Module, *inputs: Any) -> Any:
        """Return a call of the compiled forward pass."""
        state = model.state_dict()

        @jax.jit
        def run(state: Any, *inputs: Any) -> Any:
            with model.holding(state):
                return model(*inputs)

        return lambda: jax.block_until_ready(run(state, *inputs))

    def gradients(self, model: Module, loss: Any, *inputs: Any) -> Any:
        """Return a call of the compiled forward and backward pass: loss and gradients."""
        trained, kept = model.parts()

        @jax.jit
        def run(trained: Any, kept: Any, *inputs: Any) -> Any:
            def value(trained: Any) -> Any:
                with model.holding({**trained, **kept}):
                    return loss(_library(), model(*inputs))

            total, gradients = jax.value_and_grad(value)(trained)
            return total, [gradients[name] for name in gradients_order]

        gradients_order = list(trained)
        return lambda: jax.block_until_ready(run(trained, kept, *inputs))

    def training(
        self, model: Module, loss: Any, rule: str, settings: dict[str, float], *inputs: Any
    ) -> Any:
        """Return a call of a compiled step of training: the loss."""
        update = RULES[rule][0]

        def step(trained: Any, kept: Any, slots: Any, *inputs: Any) -> Any:
            def value(trained: Any) -> Any:
                with model.holding({**trained, **kept}):
                    total = loss(_library(), model(*inputs))
                    return total, model.parts()[1]

            (total, now), gradients = jax.value_and_grad(value, has_aux=True)(trained)
            moved, slots = update(trained, gradients, slots, **settings)
            return total, moved, now, slots

        run = jax.jit(step, donate_argnums=(0, 1, 2))
        trained, kept = model.parts()
        state = [trained, kept, start(rule, trained)]

        def call() -> Any:
            total, *state[:] = run(*state, *inputs)
            return jax.block_until_ready(total)

        return call


def _library() -> Any:
    import sys

    return sys.modules[__name__]


compiled_calls = _Compiled()
