"""The functions of ``nn.functional`` that the benchmarks' networks use, over JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def scaled_dot_product_attention(q: Any, k: Any, v: Any, *, is_causal: bool = False) -> Any:
    """Attention over (batch, heads, length, width)."""
    # JAX's own takes the length before the heads.
    swapped = (jnp.swapaxes(x, 1, 2) for x in (q, k, v))
    return jnp.swapaxes(jax.nn.dot_product_attention(*swapped, is_causal=is_causal), 1, 2)


def cross_entropy(x: Any, labels: Any) -> Any:
    """The mean of the negative log-probabilities of the labels."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(x, -1), labels[:, None], 1)
    return -chosen.mean()


def lstm_step(drive: Any, h: Any, c: Any, weight: Any) -> tuple[Any, Any]:
    """One step of an LSTM, given the input's part of the gates."""
    i, f, g, o = jnp.split(drive + h @ weight.T, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c
