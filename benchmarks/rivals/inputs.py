"""Inputs that every library gets alike: drawn by NumPy from a seed, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np


def normal(lib: Any, *shape: int, seed: int = 0, scale: float = 1.0) -> Any:
    """Return a tensor of normal numbers."""
    drawn = np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)
    return lib.from_numpy(drawn * np.float32(scale))


def uniform(lib: Any, *shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0) -> Any:
    """Return a tensor of numbers from ``low`` up to ``high``."""
    drawn = np.random.default_rng([seed, *shape]).random(shape, np.float32)
    return lib.from_numpy(drawn * np.float32(high - low) + np.float32(low))


def integers(lib: Any, high: int, *shape: int, seed: int = 0) -> Any:
    """Return an int64 tensor of numbers from 0 to below ``high``."""
    return lib.from_numpy(np.random.default_rng([seed, *shape]).integers(0, high, shape))


def wanting(*tensors: Any) -> list[Any]:
    """Return the tensors after asking for their gradients."""
    return [tensor.requires_grad_() for tensor in tensors]
