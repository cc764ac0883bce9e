"""Attention and transformer modules beside torch's: outputs, gradients, names, initial values."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.module_pairs import Pair, arrays, close, tensors

# torch asks for settings of its own quicker ways, and deprecates masks of two kinds in one call
pytestmark = [
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),
    pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning"),
]

L, S, N, E, H = 3, 5, 2, 8, 2
RNG = np.random.default_rng(1)
SHUT = np.triu(np.ones((L, S), bool), 2)
HIDDEN = np.array([[False, False, True, False, True], [False, True, True, True, True]])
CAUSAL = np.triu(np.full((L, L), -np.inf), 1)
MASKS: dict[str, dict[str, Any]] = {
    "none": {},
    "shut": {"attn_mask": SHUT},
    "shut by number": {"attn_mask": np.where(SHUT, -np.inf, 0.3)},
    "by head": {"attn_mask": RNG.random((N * H, L, S)) > 0.8},
    "added by head": {"attn_mask": RNG.standard_normal((N * H, L, S))},
    "padding": {"key_padding_mask": HIDDEN},
    "padding by number": {"key_padding_mask": np.where(HIDDEN, -np.inf, 0.5)},
    "both": {"attn_mask": SHUT, "key_padding_mask": HIDDEN},
    "both, of two kinds": {"attn_mask": np.where(SHUT, -1.0, 0.3), "key_padding_mask": HIDDEN},
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"kdim": 6, "vdim": 4},
    {"kdim": 6, "bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"add_bias_kv": True, "add_zero_attn": True, "vdim": 4},
    {"batch_first": True},
    {"batch_first": True, "kdim": 6, "vdim": 4, "add_bias_kv": True, "add_zero_attn": True},
]


def sequences(options: dict[str, Any], batched: bool = True) -> list[Any]:
    """Return a query, a key and a value that fit the options."""
    features = (E, options.get("kdim", E), options.get("vdim", E))
    shapes = [
        ((N, n, f) if options.get("batch_first") else (n, N, f)) if batched else (n, f)
        for n, f in zip((L, S, S), features, strict=True)
    ]
    return arrays(*shapes)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_attention_agrees_over_its_options(options: dict[str, Any], need_weights: bool) -> None:
    pair = Pair(lambda m: m.nn.MultiheadAttention(E, H, **options))
    for masks in ("none", "both"):
        out = pair.agree(*sequences(options), need_weights=need_weights, **MASKS[masks])
        assert (out[1] is not None) == need_weights


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("masks", MASKS)
def test_attention_agrees_under_masks(masks: str, need_weights: bool) -> None:
    for options in ({}, {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True}):
        pair = Pair(lambda m, options=options: m.nn.MultiheadAttention(E, H, **options))
        pair.agree(
            *sequences(options),
            need_weights=need_weights,
            average_attn_weights=False,
            **MASKS[masks],
        )


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_self_attention_agrees(batch_first: bool, need_weights: bool) -> None:
    """The sequence is one tensor, so that its three projections are one product."""
    pair = Pair(lambda m: m.nn.MultiheadAttention(E, H, batch_first=batch_first))
    (x,) = arrays((N, L, E) if batch_first else (L, N, E))
    (memory,) = arrays((N, S, E) if batch_first else (S, N, E), seed=1)
    results = []
    for library, module in ((weft, pair.ours), (torch, pair.theirs)):
        a, b = (tensors(library, given) for given in (x, memory))
        mask = tensors(library, CAUSAL, leaf=False)
        own = module(a, a, a, need_weights=need_weights, attn_mask=mask, is_causal=True)[0]
        other = module(a, b, b, need_weights=need_weights)[0]
        total = (own * own).sum() + (other * other.detach().cos()).sum()
        wanted = [a, b, *module.parameters()]
        results.append([own, other, *library.autograd.grad(total, wanted)])
    close(*results)


@pytest.mark.parametrize("need_weights", [False, True])
def test_attention_agrees_without_a_batch(need_weights: bool) -> None:
    for options in ({}, {"batch_first": True, "kdim": 6}):
        pair = Pair(lambda m, options=options: m.nn.MultiheadAttention(E, H, **options))
        given = sequences(options, batched=False)
        pair.agree(*given, need_weights=need_weights)
        pair.agree(*given, need_weights=need_weights, attn_mask=SHUT, key_padding_mask=HIDDEN[0])
        by_head = RNG.standard_normal((H, L, S))
        pair.agree(*given, need_weights=need_weights, attn_mask=by_head, average_attn_weights=False)


def test_a_query_that_sees_nothing_gives_what_torch_gives() -> None:
    pair = Pair(lambda m: m.nn.MultiheadAttention(E, H))
    blind = np.ones((L, S), bool)
    blind[0] = False
    given = sequences({})
    pair.agree(*given, need_weights=False, attn_mask=blind)
    ours, theirs = (
        module(*tensors(library, given, leaf=False), attn_mask=library.from_numpy(blind.copy()))
        for library, module in ((weft, pair.ours), (torch, pair.theirs))
    )
    np.testing.assert_array_equal(np.isnan(ours[0].detach().numpy()), theirs[0].isnan().numpy())
    np.testing.assert_array_equal(np.isnan(ours[1].detach().numpy()), theirs[1].isnan().numpy())


@pytest.mark.parametrize(
    ("attn_mask", "padding"),
    [
        (None, None),
        (SHUT[:, :L], None),
        (None, HIDDEN[:, :L]),
        (SHUT[:, :L], HIDDEN[:, :L]),
        (MASKS["by head"]["attn_mask"][..., :L], None),
    ],
)
def test_masks_are_merged_as_torch_merges_them(attn_mask: Any, padding: Any) -> None:
    merged = []
    for library in (weft, torch):
        module = library.nn.MultiheadAttention(E, H, batch_first=True)
        given = [None if m is None else library.from_numpy(m.copy()) for m in (attn_mask, padding)]
        merged.append(module.merge_masks(*given, library.zeros(N, L, E)))
    (ours, kind), (theirs, their_kind) = merged
    assert kind == their_kind
    assert (ours is None) == (theirs is None)
    if theirs is not None:
        assert ours.tolist() == theirs.tolist()


ACTIVATIONS: dict[str, Any] = {
    "relu": lambda m: "relu",
    "gelu": lambda m: "gelu",
    "a function": lambda m: m.nn.functional.silu,
    "a module": lambda m: m.nn.Tanh(),
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"norm_first": True, "batch_first": True},
    {"bias": False, "layer_norm_eps": 0.1},
    {"bias": False, "norm_first": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layers_agree(activation: str, settings: dict[str, Any]) -> None:
    def build(kind: str) -> Any:
        return lambda m: getattr(m.nn, kind)(E, H, 12, 0.0, ACTIVATIONS[activation](m), **settings)

    first = bool(settings.get("batch_first"))
    src, memory = arrays(*((N, n, E) if first else (n, N, E) for n in (L, S)))
    square = np.triu(np.ones((L, L), bool), 1)
    encoder = Pair(build("TransformerEncoderLayer"))
    encoder.agree(src)
    encoder.agree(src, src_mask=square, is_causal=True)
    encoder.agree(src, src_mask=CAUSAL, src_key_padding_mask=HIDDEN[:, :L])
    decoder = Pair(build("TransformerDecoderLayer"))
    decoder.agree(src, memory)
    decoder.agree(
        src,
        memory,
        tgt_mask=CAUSAL,
        tgt_is_causal=True,
        memory_mask=SHUT,
        memory_key_padding_mask=HIDDEN,
        tgt_key_padding_mask=HIDDEN[:, :L],
    )


@pytest.mark.parametrize("norm", [False, True])
def test_stacks_agree(norm: bool) -> None:
    def encoder(m: Any) -> Any:
        layer = m.nn.TransformerEncoderLayer(E, H, 12, 0.0, batch_first=True)
        return m.nn.TransformerEncoder(layer, 3, m.nn.LayerNorm(E) if norm else None)

    def decoder(m: Any) -> Any:
        layer = m.nn.TransformerDecoderLayer(E, H, 12, 0.0)
        return m.nn.TransformerDecoder(layer, 2, m.nn.LayerNorm(E) if norm else None)

    src, tgt, memory = arrays((N, L, E), (L, N, E), (S, N, E))
    pair = Pair(encoder)
    for mask in ({}, {"mask": CAUSAL}, {"mask": np.isinf(CAUSAL)}, {"mask": SHUT[:, :L]}):
        pair.agree(src, **mask)
    pair.agree(src, mask=CAUSAL, is_causal=True)
    pair.agree(src, mask=CAUSAL, is_causal=False, src_key_padding_mask=HIDDEN[:, :L])
    other = Pair(decoder)
    for mask in ({}, {"tgt_mask": CAUSAL}, {"memory_mask": SHUT, "tgt_mask": SHUT[:, :L]}):
        other.agree(tgt, memory, **mask)
    other.agree(tgt, memory, tgt_mask=CAUSAL, memory_key_padding_mask=HIDDEN)


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_whole_transformer_agrees(batch_first: bool) -> None:
    pair = Pair(lambda m: m.nn.Transformer(E, H, 2, 1, 12, 0.0, "gelu", batch_first=batch_first))
    src, tgt = arrays(*((N, n, E) if batch_first else (n, N, E) for n in (S, L)))
    pair.agree(src, tgt)
    pair.agree(
        src,
        tgt,
        tgt_mask=CAUSAL,
        src_key_padding_mask=HIDDEN,
        memory_key_padding_mask=HIDDEN,
        memory_mask=SHUT,
    )
    pair.agree(src[0] if batch_first else src[:, 0], tgt[0] if batch_first else tgt[:, 0])


def test_custom_encoders_and_decoders_are_taken() -> None:
    class Half(weft.nn.Module):
        def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
            return src / 2

    model = weft.nn.Transformer(E, H, 1, 1, 12, custom_encoder=Half()).eval()
    assert isinstance(model.encoder, Half)
    src, tgt = weft.rand(S, N, E), weft.rand(L, N, E)
    close(model(src, tgt), torch.from_numpy(model.decoder(tgt, src / 2).detach().numpy()))


@pytest.mark.parametrize("size", [1, 4])
def test_the_causal_mask_is_torchs(size: int) -> None:
    for dtype in ("float32", "float64", None):
        ours, theirs = (
            m.nn.Transformer.generate_square_subsequent_mask(
                size, dtype=None if dtype is None else getattr(m, dtype)
            )
            for m in (weft, torch)
        )
        close(ours, theirs)


def stack(m: Any, **settings: Any) -> Any:
    options = {"nhead": H, "dim_feedforward": 12, "batch_first": True, **settings}
    layer = m.nn.TransformerEncoderLayer(E, **options)
    return m.nn.TransformerEncoder(layer, 2, m.nn.LayerNorm(E))


@pytest.mark.parametrize(
    "settings",
    [{}, {"norm_first": True}, {"batch_first": False}, {"nhead": 1}, {"activation": "gelu"}],
    ids=str,
)
@pytest.mark.parametrize("aligned", [True, False])
def test_padding_is_zero_in_evaluation_where_torchs_is(
    settings: dict[str, Any], aligned: bool
) -> None:
    pair = Pair(lambda m: stack(m, **settings), train=False)
    assert pair.ours.use_nested_tensor == pair.theirs.use_nested_tensor
    padding = np.array([[False, False, False], [False, True, True]])
    if not aligned:
        padding = padding[:, ::-1].copy()
    (src,) = arrays((N, L, E) if settings.get("batch_first", True) else (L, N, E))
    results = []
    for library, module in ((weft, pair.ours), (torch, pair.theirs)):
        x, mask = (tensors(library, a, leaf=False) for a in (src, padding))
        with library.no_grad():
            results.append(module(x, src_key_padding_mask=mask))
            results.append(module(x, mask=library.zeros(L, L).double(), src_key_padding_mask=mask))
    close(results[:2], results[2:])


@pytest.mark.parametrize("name", ["attention", "encoder", "decoder", "transformer"])
def test_initial_values_have_torchs_distributions(name: str) -> None:
    width = 64
    builders: dict[str, Any] = {
        "attention": lambda m: m.nn.MultiheadAttention(width, 4, add_bias_kv=True, kdim=32),
        "encoder": lambda m: m.nn.TransformerEncoderLayer(width, 4, 96),
        "decoder": lambda m: m.nn.TransformerDecoderLayer(width, 4, 96),
        "transformer": lambda m: m.nn.Transformer(width, 4, 1, 1, 96),
    }
    weft.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = (builders[name](m) for m in (weft, torch))
    for (key, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        x, y = a.detach().numpy(), b.detach().numpy()
        spread = float(y.std()) + 1e-12
        assert abs(x.mean() - y.mean()) <= 6 * spread / np.sqrt(x.size), key
        assert abs(x.std() - y.std()) <= 6 * spread / np.sqrt(x.size), key
        if "bias_" not in key:  # those are normal, the others uniform
            assert abs(np.abs(x).max() - np.abs(y).max()) <= 0.2 * np.abs(y).max(), key


def test_layers_of_a_stack_are_copies_with_the_same_values() -> None:
    stacked = stack(weft)
    first, second = (layer.state_dict() for layer in stacked.layers)
    assert all(weft.equal(first[key], second[key]) for key in first)
    with weft.no_grad():
        stacked.layers[0].linear1.weight.zero_()
    assert stacked.layers[1].linear1.weight.abs().sum().item() > 0


def test_modules_survive_copies_and_pickles() -> None:
    model = stack(weft).eval()
    x = weft.rand(N, L, E)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        close(again(x), torch.from_numpy(model(x).detach().numpy()))


def test_dropout_acts_in_training_only() -> None:
    weft.manual_seed(0)
    model = weft.nn.Transformer(E, H, 1, 1, 12, dropout=0.5)
    src, tgt = weft.rand(S, N, E), weft.rand(L, N, E)
    assert not weft.equal(model(src, tgt), model(src, tgt))
    model.eval()
    assert weft.equal(model(src, tgt), model(src, tgt))
    attention = weft.nn.MultiheadAttention(E, H, dropout=0.9)
    x = weft.rand(L, N, E)
    for need_weights in (False, True):
        a, b = (attention(x, x, x, need_weights=need_weights)[0] for _ in range(2))
        assert not weft.equal(a, b)


def test_half_precision_and_autocast_run() -> None:
    layer = weft.nn.TransformerEncoderLayer(E, H, 12, 0.0)
    x = weft.rand(L, N, E)
    whole = layer(x)
    with weft.autocast("cpu", weft.bfloat16):
        cast = layer(x)
    assert (cast.float() - whole).abs().max().item() < 0.1
    narrow = copy.deepcopy(layer).to(weft.bfloat16)(x.to(weft.bfloat16))
    assert narrow.dtype is weft.bfloat16
    assert (narrow.float() - whole).abs().max().item() < 0.1


def test_attention_of_examples_is_mapped() -> None:
    layer = weft.nn.TransformerEncoderLayer(E, H, 12, 0.0).double()
    x = weft.rand(4, L, E, dtype=weft.float64)
    mapped = weft.func.vmap(layer)(x)
    for one, expected in zip(mapped, [layer(each) for each in x], strict=True):
        assert weft.allclose(one, expected, atol=1e-12)


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("heads", lambda m: m.MultiheadAttention(8, 3), ValueError, "num_heads=3 and embed_dim=8"),
    ("none", lambda m: m.MultiheadAttention(0, 1), ValueError, "must be positive, got 0"),
    (
        "activation",
        lambda m: m.TransformerEncoderLayer(8, 2, activation="rleu"),
        ValueError,
        "'rleu'; did you mean 'relu'",
    ),
    (
        "width",
        lambda m: m.MultiheadAttention(8, 2)(*[weft.zeros(3, 2, 6)] * 3),
        ValueError,
        "must be embed_dim 8",
    ),
    (
        "dims",
        lambda m: m.MultiheadAttention(8, 2)(*[weft.zeros(8)] * 3),
        ValueError,
        "3 dims",
    ),
    (
        "padding",
        lambda m: m.MultiheadAttention(8, 2)(
            *[weft.zeros(3, 2, 8)] * 3, key_padding_mask=weft.zeros(3, 2, dtype=weft.bool)
        ),
        ValueError,
        r"key_padding_mask must be \(2, 3\)",
    ),
    (
        "integers",
        lambda m: m.MultiheadAttention(8, 2)(
            *[weft.zeros(3, 2, 8)] * 3, attn_mask=weft.zeros(3, 3, dtype=weft.int64)
        ),
        TypeError,
        "attn_mask must be bool or floating",
    ),
    (
        "hint",
        lambda m: m.MultiheadAttention(8, 2)(*[weft.zeros(3, 2, 8)] * 3, is_causal=True),
        RuntimeError,
        "is_causal is a hint about attn_mask",
    ),
    (
        "batches",
        lambda m: m.MultiheadAttention(8, 2)(
            weft.zeros(3, 2, 8), weft.zeros(3, 4, 8), weft.zeros(3, 4, 8)
        ),
        ValueError,
        "query's batch",
    ),
    (
        "both",
        lambda m: m.Transformer(8, 2, 1, 1, 8)(weft.zeros(3, 2, 8), weft.zeros(3, 1, 8)),
        RuntimeError,
        "one batch in dim 1",
    ),
    (
        "features",
        lambda m: m.Transformer(8, 2, 1, 1, 8)(*[weft.zeros(3, 2, 6)] * 2),
        RuntimeError,
        "d_model=8",
    ),
]


@pytest.mark.parametrize(("what", "call", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_mistakes_are_named(what: str, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(weft.nn)
