"""Attention against PyTorch: masks of both kinds, rows that see nothing, settings of the layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as theirs

import weft
import weft.nn.functional as ours

RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal((2, 2, n, 4)) for n in (3, 5, 5))
BLIND = np.ones((3, 5), bool)
BLIND[1] = False


def leaf(library: Any, data: np.ndarray) -> Any:
    return library.from_numpy(data.copy()).requires_grad_()


def agree(mine: Any, other: Any) -> None:
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "settings",
    [
        {"attn_mask": BLIND},
        {"attn_mask": np.where(BLIND, 0.0, -np.inf)},
        {"attn_mask": BLIND, "is_causal": True},
        {"is_causal": True, "scale": 2.0},
        {"attn_mask": RNG.standard_normal((2, 1, 1, 5))},
    ],
)
def test_masks_and_the_gradients_behind_them_are_torchs(settings: dict[str, Any]) -> None:
    results = []
    for library, functional in ((weft, ours), (torch, theirs)):
        given = [leaf(library, x) for x in (Q, K, V)]
        more = {
            name: library.from_numpy(v) if isinstance(v, np.ndarray) else v
            for name, v in settings.items()
        }
        out = functional.scaled_dot_product_attention(*given, **more)
        results.append([out, *library.autograd.grad((out * out).sum(), given)])
    for mine, other in zip(*results, strict=True):
        agree(mine, other)


def test_a_query_that_sees_nothing_gives_zero() -> None:
    x = weft.from_numpy(Q)
    out = ours.scaled_dot_product_attention(
        x, weft.from_numpy(K), weft.from_numpy(V), weft.from_numpy(BLIND)
    )
    assert out[:, :, 1].abs().sum().item() == 0


def arguments(library: Any, separate: bool) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the layer up to the output's bias, and those by keyword."""
    rng = np.random.default_rng(1)
    query, key, value = (rng.standard_normal((n, 2, 4)) for n in (3, 5, 5))
    weight, bias = rng.standard_normal((12, 4)), rng.standard_normal(12)
    out_weight, out_bias = rng.standard_normal((4, 4)), rng.standard_normal(4)
    made = [leaf(library, a) for a in (query, key, value, weight, bias, out_weight, out_bias)]
    more: dict[str, Any] = {"use_separate_proj_weight": separate}
    in_weight = made[3]
    if separate:
        parts = in_weight.chunk(3)
        more |= dict(zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), parts, strict=True))
        in_weight = None
    return [*made[:3], 4, 2, in_weight, made[4], None, None, False, 0.0, *made[5:]], more


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("masks", ["none", "padding", "both", "floating"])
def test_the_layer_is_torchs(need_weights: bool, separate: bool, masks: str) -> None:
    rng = np.random.default_rng(2)
    hidden = rng.random((2, 5)) < 0.3
    hidden[:, 0] = False
    shut = np.triu(np.ones((3, 5), bool), 1)
    results = []
    for library, functional in ((weft, ours), (torch, theirs)):
        given, more = arguments(library, separate)
        if masks in ("padding", "both"):
            more["key_padding_mask"] = library.from_numpy(hidden)
        if masks == "both":
            more["attn_mask"] = library.from_numpy(shut)
        if masks == "floating":
            more["attn_mask"] = library.from_numpy(np.where(shut, -1.5, 0.5)[None].repeat(4, 0))
        out, weights = functional.multi_head_attention_forward(
            *given, need_weights=need_weights, **more
        )
        assert (weights is not None) == need_weights
        parts = [out] if weights is None else [out, weights]
        total = sum((p * p).sum() for p in parts)
        wanted = [given[i] for i in (0, 1, 2, 6, 11, 12)]
        results.append([*parts, *library.autograd.grad(total, wanted)])
    for mine, other in zip(*results, strict=True):
        agree(mine, other)


def test_dropout_of_weights_acts_in_training_only() -> None:
    given, more = arguments(weft, False)
    given[10] = 0.9
    plain, _ = ours.multi_head_attention_forward(*given, training=False, **more)
    again, _ = ours.multi_head_attention_forward(*given, training=False, **more)
    assert plain.tolist() == again.tolist()
    weft.manual_seed(0)
    dropped, _ = ours.multi_head_attention_forward(*given, **more)
    assert dropped.tolist() != plain.tolist()
