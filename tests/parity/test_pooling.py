"""Pooling against PyTorch's where samples do not reach: drawn windows, unpooling, odd powers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as theirs

import weft
import weft.nn.functional as ours


def both(data: np.ndarray) -> tuple[weft.Tensor, torch.Tensor]:
    """Return the same leaf in both libraries."""
    mine = weft.from_numpy(data.copy()).requires_grad_()
    return mine, torch.from_numpy(data.copy()).requires_grad_()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dims", [2, 3])
def test_windows_at_given_draws_are_torchs(seed: int, dims: int) -> None:
    rng = np.random.default_rng(seed)
    kernel = tuple(int(n) for n in rng.integers(1, 4, dims))
    parts = tuple(int(n) for n in rng.integers(1, 4, dims))
    least = dims - 3  # torch wants one element more in three dims
    spatial = tuple(
        p + k + least + int(rng.integers(0, 4)) for p, k in zip(parts, kernel, strict=True)
    )
    shape = (2, 3, *spatial) if seed % 2 else (3, *spatial)
    x, y = both(rng.standard_normal(shape))
    draws = rng.random((2 if seed % 2 else 1, 3, dims))
    name = f"fractional_max_pool{dims}d"
    mine = getattr(ours, name)(
        x, kernel, parts, return_indices=True, _random_samples=weft.from_numpy(draws)
    )
    other = getattr(theirs, name)(
        y, kernel, parts, return_indices=True, _random_samples=torch.from_numpy(draws)
    )
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    (mine[0] * mine[0]).sum().backward()
    (other[0] * other[0]).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("dims", "settings"),
    [
        (1, {"kernel_size": 2}),
        (2, {"kernel_size": 3, "stride": 2, "padding": 1}),
        (3, {"kernel_size": 2}),
    ],
)
def test_unpooling_undoes_pooling_as_in_torch(dims: int, settings: dict[str, Any]) -> None:
    data = np.random.default_rng(0).standard_normal((2, 3, *(7, 6, 5)[:dims]))
    results = []
    for library, functional in ((weft, ours), (torch, theirs)):
        x = library.from_numpy(data)
        pooled, places = getattr(functional, f"max_pool{dims}d")(x, **settings, return_indices=True)
        pooled = pooled.detach().requires_grad_()
        out = getattr(functional, f"max_unpool{dims}d")(
            pooled, places, **settings, output_size=tuple(x.shape)
        )
        # windows that overlap name one place twice: each value is compared, not its share
        results.append(out.detach().numpy())
    np.testing.assert_array_equal(*results)


def test_odd_powers_keep_the_sign_of_elements_and_have_no_root_of_negative_sums() -> None:
    data = np.random.default_rng(1).standard_normal((1, 2, 6, 6))
    x, y = both(data)
    mine, other = ours.lp_pool2d(x, 3.0, 2), theirs.lp_pool2d(y, 3.0, 2)
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=1e-10)


def test_adaptive_pooling_at_top_level_returns_places_too() -> None:
    data = np.random.default_rng(2).standard_normal((2, 3, 7))
    mine = weft.adaptive_max_pool1d(weft.from_numpy(data), 3)
    other = torch.adaptive_max_pool1d(torch.from_numpy(data), 3)
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
