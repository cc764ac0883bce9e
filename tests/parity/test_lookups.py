"""Lookups in tables against PyTorch's: bags, padding, norms, frequencies."""

from __future__ import annotations

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


def agree(mine: weft.Tensor, other: torch.Tensor) -> None:
    np.testing.assert_allclose(
        mine.detach().numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(60))
def test_bags_and_their_gradients_are_torchs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, width, count = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(0, 9))
    mode = ("sum", "mean", "max")[seed % 3]
    x, y = both(rng.standard_normal((rows, width)))
    indices = rng.integers(0, rows, count)
    inner = np.sort(rng.integers(0, count + 1, int(rng.integers(0, 4))))  # some bags are empty
    offsets = np.concatenate([[0], inner]).astype(np.int64)
    settings: dict[str, object] = {"mode": mode}
    if seed % 2:
        settings["padding_idx"] = int(rng.integers(-rows, rows))
    if seed % 5 == 0:
        settings["include_last_offset"] = True
        offsets = np.append(offsets, count)
    weights = None
    if mode == "sum":
        weights = both(rng.standard_normal(count))
    mine = ours.embedding_bag(
        weft.from_numpy(indices), x, weft.from_numpy(offsets),
        per_sample_weights=None if weights is None else weights[0], **settings,
    )  # fmt: skip
    other = theirs.embedding_bag(
        torch.from_numpy(indices), y, torch.from_numpy(offsets),
        per_sample_weights=None if weights is None else weights[1], **settings,
    )  # fmt: skip
    agree(mine, other)
    factors = rng.standard_normal(tuple(mine.shape))
    (mine * weft.from_numpy(factors)).sum().backward()
    (other * torch.from_numpy(factors)).sum().backward()
    agree(x.grad, y.grad)
    if weights is not None and weights[1].grad is not None and count:
        agree(weights[0].grad, weights[1].grad)


def test_a_bags_gradient_is_divided_by_how_often_a_row_was_read() -> None:
    # not compared: torch's rule for bags divides by the counts of other rows
    x = weft.ones(4, 2).requires_grad_()
    indices, offsets = weft.tensor([3, 1, 3, 3]), weft.tensor([0, 2])
    ours.embedding_bag(indices, x, offsets, mode="sum", scale_grad_by_freq=True).sum().backward()
    assert x.grad.tolist() == [[0, 0], [1, 1], [0, 0], [1, 1]]


def test_the_largest_of_equal_rows_is_the_first() -> None:
    x, y = both(np.ones((3, 2)))
    indices, offsets = np.array([2, 0, 1, 1]), np.array([0, 3])
    mine = weft.embedding_bag(x, weft.from_numpy(indices), weft.from_numpy(offsets), mode=2)
    other = torch.embedding_bag(y, torch.from_numpy(indices), torch.from_numpy(offsets), mode=2)
    for a, b in zip(mine, other, strict=True):
        agree(a, b)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0])
def test_rows_are_shortened_in_place_as_in_torch(norm_type: float) -> None:
    data = np.random.default_rng(0).standard_normal((5, 3))
    x, y = weft.from_numpy(data.copy()), torch.from_numpy(data.copy())
    indices = np.array([[0, 3], [3, 4]])
    assert weft.embedding_renorm_(x, weft.from_numpy(indices), 0.7, norm_type) is x
    # torch's own takes each row once more for each time it is named, to the same effect
    torch.embedding_renorm_(y, torch.from_numpy(indices), 0.7, norm_type)
    agree(x, y)
    for bags in (False, True):
        a, b = weft.from_numpy(data.copy()), torch.from_numpy(data.copy())
        mine = (ours.embedding_bag if bags else ours.embedding)(
            weft.from_numpy(indices), a, max_norm=0.7, norm_type=norm_type
        )
        other = (theirs.embedding_bag if bags else theirs.embedding)(
            torch.from_numpy(indices), b, max_norm=0.7, norm_type=norm_type
        )
        agree(mine, other)
        agree(a, b)


def test_a_negative_padding_row_is_none_at_the_top_level_and_from_the_end_in_functional() -> None:
    x, y = both(np.ones((3, 2)))
    indices = np.array([2, 0])
    for mine, other in (
        (
            weft.embedding(x, weft.from_numpy(indices), -1),
            torch.embedding(y, torch.from_numpy(indices), -1),
        ),
        (
            ours.embedding(weft.from_numpy(indices), x, -1),
            theirs.embedding(torch.from_numpy(indices), y, -1),
        ),
    ):
        (mine_grad,) = weft.autograd.grad(mine.sum(), [x])
        (other_grad,) = torch.autograd.grad(other.sum(), [y])
        agree(mine_grad, other_grad)
