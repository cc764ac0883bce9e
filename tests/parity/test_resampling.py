"""Interpolation and grid sampling against PyTorch's over random sizes, factors and points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as theirs

import weft
import weft.nn.functional as ours

MODES = [
    ("nearest", {}),
    ("nearest-exact", {}),
    ("area", {}),
    ("linear", {}),
    ("bilinear", {}),
    ("trilinear", {}),
    ("bicubic", {}),
    ("bilinear", {"antialias": True}),
    ("bicubic", {"antialias": True}),
    ("lanczos", {"antialias": True}),
]
DIMS = {"linear": 1, "trilinear": 3}
FACTORS = (0.3, 0.5, 0.7, 1.0, 1.1, 1.5, 2.0, 2.3, 3.7)


def settings_of(rng: np.random.Generator, mode: str, dims: int, smooth: bool) -> dict[str, Any]:
    """Draw a size or factors, and whether corners are aligned."""
    settings: dict[str, Any] = {}
    least = 2 if smooth else 1  # torch's antialiased result of width 1 repeats its first row
    if rng.random() < 0.5:
        settings["size"] = tuple(int(n) for n in rng.integers(least, 14, dims))
    else:
        settings["scale_factor"] = tuple(float(f) for f in rng.choice(FACTORS, dims))
        if rng.random() < 0.3:
            settings["recompute_scale_factor"] = True
    if not mode.startswith(("nearest", "area", "lanczos")):
        settings["align_corners"] = bool(rng.integers(0, 2))
    return settings


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("mode", "more"), MODES)
def test_interpolation_is_torchs_at_every_size(mode: str, more: dict[str, Any], dtype: Any) -> None:
    rng = np.random.default_rng(len(mode))
    within = 1e-5 if dtype is np.float32 else 1e-11
    compared = 0
    for _ in range(60):
        dims = DIMS.get(mode, 2)
        shape = (1, 2, *(int(n) for n in rng.integers(1, 9, dims)))
        data = rng.standard_normal(shape).astype(dtype)
        settings = {**settings_of(rng, mode, dims, bool(more)), **more}
        try:
            other = theirs.interpolate(torch.from_numpy(data), mode=mode, **settings).numpy()
        except RuntimeError:
            other = np.empty(0)
        if not other.size:  # a factor left nothing, which torch refuses in most modes
            with pytest.raises(ValueError, match="leaves nothing"):
                ours.interpolate(weft.from_numpy(data), mode=mode, **settings)
            continue
        if more and other.shape[-1] == 1:
            continue
        mine = ours.interpolate(weft.from_numpy(data), mode=mode, **settings).numpy()
        np.testing.assert_allclose(mine, other, rtol=within, atol=within, err_msg=f"{settings}")
        compared += 1
    assert compared > 20


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    data = np.random.default_rng(0).integers(0, 256, (1, 1, 6, 7)).astype(np.uint8)
    for mode in ("bilinear", "bicubic"):
        mine = ours.interpolate(weft.from_numpy(data), (9, 4), mode=mode)
        exact = ours.interpolate(weft.from_numpy(data.astype(np.float32)), (9, 4), mode=mode)
        assert mine.dtype is weft.uint8
        assert mine.tolist() == exact.round().clamp(0, 255).to(weft.uint8).tolist()
    # torch rounds after each dim on some processors
    mine = ours.interpolate(weft.from_numpy(data), (9, 4), mode="bilinear")
    other = theirs.interpolate(torch.from_numpy(data), (9, 4), mode="bilinear")
    assert np.abs(mine.numpy().astype(int) - other.numpy().astype(int)).max() <= 1


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("corners", [False, True])
def test_grid_sampling_and_its_gradients_are_torchs(mode: str, padding: str, corners: bool) -> None:
    rng = np.random.default_rng(1)
    for dims in (2,) if mode == "bicubic" else (2, 3):
        shape = (2, 3, *(int(n) for n in rng.integers(1, 6, dims)))
        image = rng.standard_normal(shape)
        points = rng.uniform(-3, 3, (2, *(int(n) for n in rng.integers(1, 5, dims)), dims))
        x, y = weft.from_numpy(image).requires_grad_(), torch.from_numpy(image).requires_grad_()
        p, q = weft.from_numpy(points).requires_grad_(), torch.from_numpy(points).requires_grad_()
        mine = ours.grid_sample(x, p, mode, padding, corners)
        other = theirs.grid_sample(y, q, mode, padding, corners)
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), atol=1e-10)
        factors = rng.standard_normal(tuple(mine.shape))
        gradients = weft.autograd.grad(
            (mine * weft.from_numpy(factors)).sum(), [x, p], allow_unused=True
        )
        expected = torch.autograd.grad((other * torch.from_numpy(factors)).sum(), [y, q])
        for g, e in zip(gradients, expected, strict=True):
            if g is None:  # nearest does not move with the points
                assert not e.abs().max()
            else:
                np.testing.assert_allclose(g.numpy(), e.numpy(), atol=1e-9)


def test_points_that_are_no_numbers_see_what_lies_beyond_the_border() -> None:
    image = np.ones((1, 1, 2, 2))
    points = np.full((1, 1, 1, 2), np.nan)
    got = ours.grid_sample(weft.from_numpy(image), weft.from_numpy(points), "nearest")
    assert got.item() == 0


@pytest.mark.parametrize("seed", range(12))
def test_fold_and_unfold_are_torchs_and_each_others_transpose(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(3, 8, 2))
    settings = {
        "kernel_size": tuple(int(n) for n in rng.integers(1, 4, 2)),
        "dilation": int(rng.integers(1, 2)),
        "padding": int(rng.integers(0, 2)),
        "stride": int(rng.integers(1, 3)),
    }
    data = rng.standard_normal((2, 3, *size))
    columns = ours.unfold(weft.from_numpy(data), **settings)
    np.testing.assert_array_equal(
        columns.numpy(), theirs.unfold(torch.from_numpy(data), **settings).numpy()
    )
    other = rng.standard_normal(tuple(columns.shape))
    folded = ours.fold(weft.from_numpy(other), size, **settings)
    np.testing.assert_allclose(
        folded.numpy(), theirs.fold(torch.from_numpy(other), size, **settings).numpy(), atol=1e-12
    )
    assert (columns.numpy() * other).sum() == pytest.approx((folded.numpy() * data).sum())
