"""Hugging Face's models, run on weft by the alias: same weights, same results and gradients.

Each is made small, from a configuration: nothing is downloaded.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import weft
from weft.compat.torch import alias

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 1e-4


class Architecture(NamedTuple):
    """A model's folder below ``transformers.models``, its class, its configuration, its inputs."""

    folder: str
    model: str
    settings: dict[str, Any]
    inputs: tuple[str, ...] = ("input_ids",)


_random = np.random.default_rng(0)
_WORDS = _random.integers(3, 90, (2, 12))
_IMAGE = _random.standard_normal((1, 3, 32, 32)).astype(np.float32)
_WAVES = _random.standard_normal((2, 2000)).astype(np.float32)
INPUTS = {
    "input_ids": _WORDS,
    "decoder_input_ids": _WORDS,
    "pixel_values": _IMAGE,
    "input_features": _random.standard_normal((2, 80, 60)).astype(np.float32),
    "input_values": _WAVES,
}
_TEXT = {"vocab_size": 90, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_WIDTH = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_DEEP = {**_WIDTH, "intermediate_size": 64}
_GROUPED = {**_TEXT, **_DEEP, "num_key_value_heads": 2}
_PATCHES = {"image_size": 32, "patch_size": 8}

MODELS = {
    "GPT-2": Architecture(
        "gpt2", "GPT2LMHeadModel",
        {**_TEXT, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4},
    ),
    "BERT": Architecture("bert", "BertForMaskedLM", {**_TEXT, **_DEEP}),
    "DistilBERT": Architecture(
        "distilbert", "DistilBertForMaskedLM",
        {"vocab_size": 90, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    ),
    "Llama": Architecture("llama", "LlamaForCausalLM", _GROUPED),
    "Qwen2": Architecture("qwen2", "Qwen2ForCausalLM", _GROUPED),
    "T5": Architecture(
        "t5", "T5ForConditionalGeneration",
        {"vocab_size": 90, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4},
        ("input_ids", "decoder_input_ids"),
    ),
    "ViT": Architecture(
        "vit", "ViTForImageClassification", {**_PATCHES, **_DEEP}, ("pixel_values",)
    ),
    "CLIP": Architecture(
        "clip", "CLIPVisionModel", {**_PATCHES, **_DEEP}, ("pixel_values",)
    ),
    "ResNet": Architecture(
        "resnet", "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        ("pixel_values",),
    ),
    "Swin": Architecture(
        "swin", "SwinModel",
        {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4],
         "window_size": 4},
        ("pixel_values",),
    ),
    "Mixtral": Architecture("mixtral", "MixtralForCausalLM", {**_GROUPED, "num_local_experts": 4}),
    "Mamba": Architecture(
        "mamba", "MambaForCausalLM",
        {"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    ),
    "Longformer": Architecture("longformer", "LongformerModel", {
        **_TEXT, **_DEEP, "max_position_embeddings": 32, "attention_window": 4,
    }),
    "Whisper": Architecture(
        "whisper", "WhisperModel",
        {"vocab_size": 90, "pad_token_id": 0, "d_model": 32, "max_source_positions": 30,
         "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64,
         "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 64},
        ("input_features", "decoder_input_ids"),
    ),
    "wav2vec 2.0": Architecture(
        "wav2vec2", "Wav2Vec2Model",
        {**_DEEP, "vocab_size": 32, "conv_dim": [16, 16], "conv_stride": [5, 4],
         "conv_kernel": [10, 4], "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 16,
         "num_conv_pos_embedding_groups": 4},
        ("input_values",),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Keep the package's advice about small models out of the output."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def build(wanted: Architecture) -> Any:
    """Return the model, in evaluation mode, for whichever ``torch`` there is now."""
    place = f"transformers.models.{wanted.folder}"
    models = importlib.import_module(f"{place}.modeling_{wanted.folder}")
    model_class = getattr(models, wanted.model)
    return model_class(model_class.config_class(**wanted.settings)).eval()


def run(library: Any, model: Any, names: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    """Return the model's first result and the gradients of its parameters."""
    out = model(**{name: library.tensor(INPUTS[name]) for name in names})
    first = out.last_hidden_state if "last_hidden_state" in out else out.logits
    weights = np.cos(np.arange(first.numel(), dtype=np.float32)).reshape(tuple(first.shape))
    (first * library.tensor(weights)).mean().backward()
    gradients = {
        name: parameter.grad.numpy()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return first.detach().numpy(), gradients


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_hugging_face_gives_the_same_on_weft(name: str) -> None:
    wanted = MODELS[name]
    torch.manual_seed(0)
    theirs = build(wanted)
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    with alias():
        ours = build(wanted)
        assert isinstance(ours, weft.nn.Module)
        ours.load_state_dict({key: weft.tensor(value) for key, value in state.items()})
        got, got_gradients = run(weft, ours, wanted.inputs)
    expected, gradients = run(torch, theirs, wanted.inputs)
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
    assert got_gradients.keys() == gradients.keys()
    for key, gradient in gradients.items():
        scale = max(float(np.abs(gradient).max()), 1e-3)
        np.testing.assert_allclose(
            got_gradients[key], gradient, rtol=0, atol=TOLERANCE * scale, err_msg=key
        )


@pytest.mark.parametrize("name", ["GPT-2", "Llama"])
def test_text_is_generated_as_pytorch_does_it(name: str) -> None:
    wanted = MODELS[name]
    torch.manual_seed(0)
    theirs = build(wanted)
    settings = {"max_new_tokens": 8, "do_sample": False}
    with alias():
        ours = build(wanted)
        ours.load_state_dict(
            {key: weft.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
        )
        got = ours.generate(weft.tensor(_WORDS), **settings).tolist()
    assert got == theirs.generate(torch.tensor(_WORDS), **settings).tolist()
