"""Random programs of views and in-place writes give PyTorch's values and gradients."""

from __future__ import annotations

import random
import types
from typing import Any

import numpy as np
import pytest
import torch

import weft

#: Views of a matrix, or of a vector; each takes a library's tensor.
VIEWS = {
    2: (
        lambda x: x.t(),
        lambda x: x.transpose(0, 1)[1:],
        lambda x: x[1],
        lambda x: x[:, 1],
        lambda x: x[:2, 1:],
        lambda x: x[::2],
        lambda x: x.diagonal(),
        lambda x: x.unsqueeze(1)[:, 0],
        lambda x: x.unbind(0)[0],
        lambda x: x.narrow(1, 0, 2),
        lambda x: x[...],
    ),
    1: (
        lambda x: x[1:],
        lambda x: x[::2],
        lambda x: x.view(-1, 1),
        lambda x: x.unsqueeze(0),
        lambda x: x.unfold(0, 2, 2),
        lambda x: x[0:2],
    ),
}
#: In-place writes to any tensor; ``c`` is a recorded vector of one element.
WRITES = (
    lambda x, c: x.mul_(2.0),
    lambda x, c: x.mul_(c),
    lambda x, c: x.add_(c),
    lambda x, c: x.sin_(),
    lambda x, c: x.fill_(0.5),
    lambda x, c: x.copy_(c.expand(tuple(x.shape))),
    lambda x, c: x.__setitem__(0, c[0]),
    lambda x, c: x.__setitem__([0], c[0] * 3.0),
    lambda x, c: x.__setitem__(Ellipsis, 0.25),
    lambda x, c: x.zero_(),
)


def run(lib: types.ModuleType, seed: int, recorded: bool) -> list[Any]:
    """Run one program; return the values and the gradients as arrays."""
    draw = random.Random(seed)
    values = np.random.default_rng(seed)
    leaf = lib.tensor(values.normal(size=(3, 4)), requires_grad=True)
    c = lib.tensor(values.normal(size=(1,)), requires_grad=True)
    start = lib.tensor(values.normal(size=(3, 4)))
    tensors = [leaf * 1.0 if recorded else start]
    for _ in range(10):
        x = draw.choice(tensors)
        if draw.random() < 0.5 and x.ndim in VIEWS and min(x.shape) > 1:
            tensors.append(draw.choice(VIEWS[x.ndim])(x))
        else:
            draw.choice(WRITES)(x, c)
        if draw.random() < 0.15 and len(tensors) > 1:
            del tensors[draw.randrange(len(tensors))]
    loss = c.sum() * 0.0 + leaf.sum() * 0.0
    for x in tensors:
        loss = loss + (x * draw.random() + 0.1).sum()
    again = draw.random() < 0.5
    grads = lib.autograd.grad(loss * loss, (leaf, c), create_graph=again)
    if again:
        grads += lib.autograd.grad((grads[1] * grads[1]).sum(), (leaf, c))
    return [t.detach().numpy() for t in (*tensors, *grads)]


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "plain"])
@pytest.mark.parametrize("part", range(5))
def test_programs_of_views_and_writes(part: int, recorded: bool) -> None:
    compared = 0
    for seed in range(part * 20, part * 20 + 20):
        try:
            theirs = run(torch, seed, recorded)
        except RuntimeError as error:
            # PyTorch refuses views made by ops of several outputs, and a view made before its
            # base was first written with a gradient
            assert "multiple views" in str(error) or "leaf Variable" in str(error), error
            continue
        ours = run(weft, seed, recorded)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=f"program {seed}")
        compared += 1
    assert compared > 6
