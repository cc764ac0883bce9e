"""Folding batch norms beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import weft


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
def test_folded_convolutions_have_torchs_parameters(transpose, bias):
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((6, 6, 3, 3)).astype("float32")
    rest = [rng.uniform(0.5, 2, 6).astype("float32") for _ in range(5)]
    if not bias:
        rest[0] = None

    def folded(lib):
        own, mean, var, scale, shift = (None if a is None else lib.tensor(a) for a in rest)
        fuse = lib.nn.utils.fusion.fuse_conv_bn_weights
        return fuse(lib.tensor(weight), own, mean, var, 1e-3, scale, shift, transpose)

    for got, wanted in zip(folded(weft), folded(torch), strict=True):
        np.testing.assert_allclose(
            got.detach().numpy(), wanted.detach().numpy(), rtol=1e-5, atol=1e-6
        )


def test_a_folded_linear_layer_has_torchs_parameters():
    rng = np.random.default_rng(4)
    state = {
        "0.weight": rng.standard_normal((5, 3)), "0.bias": rng.standard_normal(5),
        "1.weight": rng.standard_normal(5), "1.bias": rng.standard_normal(5),
        "1.running_mean": rng.standard_normal(5), "1.running_var": rng.uniform(0.5, 2, 5),
        "1.num_batches_tracked": np.asarray(3),
    }  # fmt: skip

    def folded(lib):
        model = lib.nn.Sequential(lib.nn.Linear(3, 5), lib.nn.BatchNorm1d(5)).eval()
        model.load_state_dict({name: lib.tensor(value) for name, value in state.items()})
        return lib.nn.utils.fusion.fuse_linear_bn_eval(model[0], model[1])

    ours, theirs = folded(weft), folded(torch)
    for name in ("weight", "bias"):
        got, wanted = getattr(ours, name), getattr(theirs, name)
        assert got.requires_grad == wanted.requires_grad
        np.testing.assert_allclose(
            got.detach().numpy(), wanted.detach().numpy(), rtol=1e-5, atol=1e-6
        )
