"""ctc_loss: the kernels give what the references give, and public ops give the same gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import compare
from weft._backend.cpu.launch import alignments
from weft._core import catalogue
from weft.ops.alignments import _Recursion

pytestmark = needs.codegen

F = weft.nn.functional


def drawn(dtype, steps=9, sequences=6, classes=5, longest=4):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((steps, sequences, classes))
    x = x - np.log(np.exp(x).sum(-1, keepdims=True))
    labels = rng.integers(1, classes, (sequences, longest))
    labels[1] = labels[1, 0]  # equal neighbours need a blank between
    lengths = np.array([steps, steps, steps - 2, 1, 0, 0][:sequences])
    counts = np.array([longest, longest, 2, 0, 0, 3][:sequences])
    return x.astype(dtype), labels, lengths, counts


@pytest.mark.parametrize("blank", [0, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_agree_with_the_references(dtype, blank):
    x, labels, lengths, counts = drawn(dtype)
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    args = (x, labels, lengths, counts)
    assert compare("alignment_losses", alignments.losses, args, {"blank": blank}, tolerance)
    g = np.linspace(-1, 2, x.shape[1]).astype(dtype)
    assert compare("alignment_slopes", alignments.slopes, (g, *args), {"blank": blank}, tolerance)


def test_public_ops_give_the_same_derivative():
    x, labels, lengths, counts = map(weft.from_numpy, drawn("float64"))
    leaf = x.clone().requires_grad_()
    losses = catalogue.public["alignment_losses"].function(leaf, labels, lengths, counts, blank=0)
    possible = losses < math.inf
    assert possible.tolist() == [True, True, True, True, True, False]
    losses[possible].sum().backward()
    slopes = _Recursion(x, labels, lengths, counts, 0).slopes(x)
    np.testing.assert_allclose(leaf.grad.numpy(), slopes.numpy(), rtol=1e-9, atol=1e-12)


def test_first_and_second_derivatives_are_those_of_differences():
    x, labels, lengths, counts = map(weft.from_numpy, drawn("float64", 6, 3, 4, 2))
    x.requires_grad_()

    def loss(x):
        return F.ctc_loss(x, labels, lengths, counts, reduction="sum")

    assert weft.autograd.gradcheck(loss, (x,))
    assert weft.autograd.gradgradcheck(loss, (x,))


def test_examples_are_mapped():
    x, labels, lengths, counts = map(weft.from_numpy, drawn("float64", sequences=3))
    both = weft.stack([x, x * 0.5])

    def losses(x):
        return F.ctc_loss(x, labels, lengths, counts, reduction="none")

    mapped = weft.func.vmap(losses)(both)
    wanted = weft.stack([losses(x), losses(x * 0.5)])
    np.testing.assert_allclose(mapped.numpy(), wanted.numpy(), rtol=1e-12)


def test_a_label_beyond_the_classes_is_an_error():
    x = weft.zeros(4, 1, 3)
    with pytest.raises(IndexError, match="index 7 is out of range"):
        F.ctc_loss(x, weft.tensor([[1, 7]]), (4,), (2,))
    F.ctc_loss(x, weft.tensor([[1, 7]]), (4,), (1,))  # it does not count
