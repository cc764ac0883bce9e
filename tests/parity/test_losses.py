"""Losses against PyTorch's where samples do not reach: alignments, ties, edges of the domain."""

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


def agree(mine: weft.Tensor, other: torch.Tensor, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(
        mine.detach().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("seed", range(40))
def test_ctc_loss_and_its_gradient_by_logits_are_torchs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, batch, classes = (
        int(rng.integers(1, 9)),
        int(rng.integers(1, 4)),
        int(rng.integers(2, 5)),
    )
    longest = int(rng.integers(1, 4))
    blank = int(rng.integers(0, classes))
    labels = [c for c in range(classes) if c != blank]
    input_lengths = tuple(int(n) for n in rng.integers(1, steps + 1, batch))
    target_lengths = tuple(int(n) for n in rng.integers(0, longest + 1, batch))
    targets = rng.choice(labels, (batch, longest)).astype(np.int64)
    if seed % 3 == 0:  # all labels one after the other
        targets = np.concatenate([row[:n] for row, n in zip(targets, target_lengths, strict=True)])
    x, y = both(rng.standard_normal((steps, batch, classes)))
    lengths = (input_lengths, target_lengths)
    my_lengths, other_lengths = lengths, lengths
    if seed % 2:
        my_lengths = tuple(weft.tensor(n) for n in lengths)
        other_lengths = tuple(torch.tensor(n) for n in lengths)
    reduction = ("none", "mean", "sum")[seed % 3]
    mine = ours.ctc_loss(
        x.log_softmax(2), weft.from_numpy(targets), *my_lengths, blank, reduction, True
    )
    other = theirs.ctc_loss(
        y.log_softmax(2), torch.from_numpy(targets), *other_lengths, blank, reduction, True
    )
    agree(mine, other)
    mine.sum().backward()
    other.sum().backward()
    agree(x.grad, y.grad, 1e-9)


def test_a_target_that_no_alignment_fits_costs_infinity_or_nothing() -> None:
    x = np.zeros((2, 1, 3))
    targets = np.array([[1, 1]])  # two equal labels need a blank between them: three steps
    for zero in (False, True):
        mine = ours.ctc_loss(
            weft.from_numpy(x), weft.from_numpy(targets), (2,), (2,), zero_infinity=zero
        )
        other = theirs.ctc_loss(
            torch.from_numpy(x), torch.from_numpy(targets), (2,), (2,), zero_infinity=zero
        )
        assert mine.item() == other.item()


@pytest.mark.parametrize("seed", range(10))
def test_multilabel_margin_reads_up_to_the_first_minus_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = both(rng.standard_normal((3, 5)))
    targets = rng.integers(-1, 5, (3, 5))
    mine = ours.multilabel_margin_loss(x, weft.from_numpy(targets), reduction="sum")
    other = theirs.multilabel_margin_loss(y, torch.from_numpy(targets), reduction="sum")
    agree(mine, other)
    mine.backward()
    other.backward()
    agree(x.grad, y.grad)


def test_gradients_at_a_margin_are_torchs() -> None:
    cases = [
        (ours.margin_ranking_loss, theirs.margin_ranking_loss, [0.5, 1.0], [0.5, 0.0], [1.0, 1.0]),
        (ours.hinge_embedding_loss, theirs.hinge_embedding_loss, [1.0, 0.0], [-1.0, 1.0]),
    ]
    for mine, other, *arguments in cases:
        x, y = both(np.array(arguments[0]))
        rest = [np.array(a) for a in arguments[1:]]
        mine(x, *map(weft.from_numpy, rest)).backward()
        other(y, *map(torch.from_numpy, rest)).backward()
        agree(x.grad, y.grad)


def test_large_logits_do_not_overflow() -> None:
    x = weft.tensor([1000.0, -1000.0])
    assert ours.soft_margin_loss(x, weft.tensor([-1.0, -1.0]), reduction="none").tolist() == [
        1000.0,
        0.0,
    ]


def test_a_variance_below_eps_counts_as_eps_and_keeps_its_gradient() -> None:
    x, y = both(np.array([0.0, 1.0, 2.0]))
    variance, other_variance = both(np.array([0.0, 1e-8, 0.5]))
    mine = ours.gaussian_nll_loss(x, weft.zeros(3, dtype=weft.float64), variance, eps=1e-3)
    other = theirs.gaussian_nll_loss(
        y, torch.zeros(3, dtype=torch.float64), other_variance, eps=1e-3
    )
    agree(mine, other)
    mine.backward()
    other.backward()
    agree(variance.grad, other_variance.grad)


@pytest.mark.parametrize(
    "name",
    [
        "cosine_embedding_loss", "hinge_embedding_loss", "kl_div", "margin_ranking_loss",
        "triplet_margin_loss", "binary_cross_entropy_with_logits",
    ],
)  # fmt: skip
@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_the_top_level_losses_reduce_by_number(name: str, reduction: int) -> None:
    rng = np.random.default_rng(3)
    count = {"cosine_embedding_loss": 3, "margin_ranking_loss": 3, "triplet_margin_loss": 3}
    arrays = [rng.uniform(0.1, 0.9, (3, 4)) for _ in range(count.get(name, 2))]
    if name == "cosine_embedding_loss":
        arrays[2] = np.array([1, -1, 1])
    mine = getattr(weft, name)(*map(weft.from_numpy, arrays), reduction=reduction)
    agree(mine, getattr(torch, name)(*map(torch.from_numpy, arrays), reduction=reduction))
