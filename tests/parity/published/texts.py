"""Sentence encoders as transformers and sentence-transformers write them, small and random."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
import transformers
from sentence_transformers import SentenceTransformer, models

Arrays = dict[str, np.ndarray]

WORDS = "a man plays the guitar ##s . rain über é , ! play ##er A Man 東 京 un ##aff ##able"
MPNET = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>", *WORDS.split()]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split()]
SIGNS = tokenizers.pre_tokenizers.ByteLevel.alphabet()
MERGES = [
    "Ġ a",
    "l a",
    "p la",
    "pla y",
    "Ġ play",
    "Ġ p",
    "m a",
    "ma n",
    "Ġ man",
    "g u",
    "Ġ gu",
    "i n",
]
MERGED = [merge.replace(" ", "") for merge in MERGES]
BYTES = ["<s>", "<pad>", "</s>", "<unk>", *sorted(SIGNS), *MERGED, "<mask>"]
SENTENCES = [
    "a man plays the guitar",
    "The MAN plays guitars .",
    "Éa, players! 東京 unaffable man",
    "rain",
    "a man plays the guitar , " * 30,  # more pieces than there are positions
]
WIDTH = 32
SIZES: dict[str, Any] = {
    "vocab_size": len(PIECES),
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 56,
    "max_position_embeddings": 24,
}

NAMES = {0: "good", 1: "bad", 2: "neither"}

_DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
}


def tokenizer(kind: str, **settings: Any) -> Any:
    """A WordPiece tokenizer over the pieces."""
    if kind == "MPNet":
        vocabulary = {piece: place for place, piece in enumerate(MPNET)}
        return transformers.MPNetTokenizer(vocab=vocabulary, **settings)
    if kind == "Roberta":
        del settings["do_lower_case"]
        vocabulary = {piece: place for place, piece in enumerate(BYTES)}
        merges = [tuple(merge.split(" ")) for merge in MERGES]
        return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges, **settings)
    vocabulary = {piece: place for place, piece in enumerate(PIECES)}
    return transformers.BertTokenizer(vocab=vocabulary, **settings)


def shaken(model: torch.nn.Module) -> Any:
    """Make everything random that a fresh model has as zero or one, so that a mix-up shows."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
    return model.eval()


def encoded(model: Any, tokens: Any) -> Arrays:
    """What the encoder of a model says of each piece, in float32."""
    encoder = getattr(model, model.base_model_prefix, model).float()
    asked = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}
    with torch.no_grad():
        hidden = encoder(**asked)
        more = {"scores": model.float()(**asked).logits.numpy()} if classifies(model) else {}
    return more | {
        "sentences": np.array(SENTENCES),
        "ids": tokens["input_ids"].numpy(),
        "is_text": tokens["attention_mask"].numpy().astype(bool),
        "hidden": hidden.last_hidden_state.numpy(),
    }


def classifies(model: Any) -> bool:
    """Whether a model ends in classes, of a text or of its pieces."""
    return type(model).__name__.endswith("Classification")


def plain(
    folder: Path,
    *,
    kind: str = "Bert",
    head: str = "Model",
    dtype: torch.dtype = torch.float32,
    shard: str = "5GB",
    old_files: bool = False,
    cased: bool = False,
    longest: int = 24,
    arguments: dict[str, Any] | None = None,
    spaces: dict[str, Any] | None = None,
    **changes: Any,
) -> Arrays:
    """A repository of transformers alone: `save_pretrained` of a model and of its tokenizer."""
    sizes = {_DISTILBERT.get(key, key): value for key, value in SIZES.items()}
    sizes = sizes if kind == "DistilBert" else SIZES
    if kind == "MPNet":  # two positions are never used
        sizes = {**SIZES, "vocab_size": len(MPNET), "max_position_embeddings": longest + 2}
    if kind == "Roberta":
        sizes = {**SIZES, "vocab_size": len(BYTES), "max_position_embeddings": longest + 2}
    config = getattr(transformers, f"{kind}Config")(**{**sizes, **changes})
    model = shaken(getattr(transformers, f"{kind}{head}")(config, **(arguments or {}))).to(dtype)
    tokens = tokenizer(kind, do_lower_case=not cased, **(spaces or {}))
    model.save_pretrained(folder, max_shard_size=shard)
    tokens.save_pretrained(folder)
    if old_files:  # as before version 5
        (folder / "tokenizer.json").unlink()
        if kind == "Roberta":
            places = {piece: place for place, piece in enumerate(BYTES)}
            (folder / "vocab.json").write_text(json.dumps(places), "utf-8")
            lines = ["#version: 0.2", *MERGES, ""]
            (folder / "merges.txt").write_text("\n".join(lines), "utf-8")
        pieces = MPNET if kind == "MPNet" else PIECES
        (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", "utf-8")
    batch = tokens(
        SENTENCES, padding=True, truncation=True, max_length=longest, return_tensors="pt"
    )
    return encoded(model, batch)


def sentences(
    folder: Path,
    *,
    kind: str = "Bert",
    pooling: str | tuple[str, ...] = "mean",
    normalised: bool = True,
    longest: int | None = None,
    old_files: bool = False,
    dense: tuple[dict[str, Any], ...] = (),
    prompt: str = "",
    **changes: Any,
) -> Arrays:
    """A repository of sentence-transformers, and what `encode` gives."""
    inner = folder.with_name("inner")
    plain(inner, kind=kind, **changes)
    transformer = models.Transformer(str(inner), max_seq_length=longest)
    modules = [transformer, models.Pooling(WIDTH, pooling)]
    for settings in dense:
        width = modules[-1].get_embedding_dimension()
        modules.append(shaken(models.Dense(**{"in_features": width, **settings})))
    if normalised:
        modules.append(models.Normalize())
    named = {"prompts": {"query": prompt}, "default_prompt_name": "query"} if prompt else {}
    encoder = SentenceTransformer(modules=modules, device="cpu", **named)
    encoder.save_pretrained(str(folder))
    if old_files:
        _as_before(folder, pooling, longest)
        encoder = SentenceTransformer(str(folder), device="cpu")
    return {"sentences": np.array(SENTENCES), "embeddings": encoder.encode(SENTENCES)}


def _as_before(folder: Path, pooling: str | tuple[str, ...], longest: int | None) -> None:
    """Bring the small files into the shape that most published repositories have."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
    modes = (pooling,) if isinstance(pooling, str) else pooling
    told: dict[str, Any] = {"word_embedding_dimension": WIDTH}
    told |= {
        f"pooling_mode_{mode}{tail}": mode in modes
        for mode, tail in [
            ("cls", "_token"), ("mean", "_tokens"), ("max", "_tokens"),
            ("mean_sqrt_len", "_tokens"), ("weightedmean", "_tokens"), ("lasttoken", ""),
        ]
    }  # fmt: skip
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(told), "utf-8")
    short = {"max_seq_length": longest, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(short), "utf-8")
    types = ["Transformer", "Pooling", "Normalize"]
    listed = json.loads((folder / "modules.json").read_text("utf-8"))
    for one, kind in zip(listed, types, strict=False):
        one["type"] = f"sentence_transformers.models.{kind}"
    (folder / "modules.json").write_text(json.dumps(listed), "utf-8")


_P = functools.partial
WRITTEN: dict[str, Callable[[Path], Arrays]] = {
    "bert": plain,
    "bert-before-5": _P(plain, old_files=True),
    "bert-without-pooler": _P(plain, arguments={"add_pooling_layer": False}),
    "bert-masked": _P(plain, head="ForMaskedLM"),
    "bert-pretraining": _P(plain, head="ForPreTraining"),
    "bert-choice": _P(plain, head="ForMultipleChoice"),
    "bert-sharded": _P(plain, shard="30KB"),
    "bert-bf16": _P(plain, dtype=torch.bfloat16),
    "bert-f16-sharded": _P(plain, dtype=torch.float16, shard="15KB"),
    "bert-other-sizes": _P(
        plain,
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=20,
        type_vocab_size=1,
        layer_norm_eps=1e-3,
        pad_token_id=2,
    ),
    "bert-tanh-gelu": _P(plain, hidden_act="gelu_new"),
    "bert-relu": _P(plain, hidden_act="relu"),
    "bert-cased": _P(plain, cased=True),
    "bert-cased-before-5": _P(plain, cased=True, old_files=True),
    "distilbert": _P(plain, kind="DistilBert"),
    "distilbert-masked": _P(plain, kind="DistilBert", head="ForMaskedLM", activation="relu"),
    "mpnet": _P(plain, kind="MPNet"),
    "mpnet-masked-before-5": _P(
        plain, kind="MPNet", head="ForMaskedLM", old_files=True, layer_norm_eps=1e-5
    ),
    "mpnet-far": _P(plain, kind="MPNet", longest=160),
    "roberta": _P(plain, kind="Roberta"),
    "roberta-before-5": _P(plain, kind="Roberta", old_files=True, type_vocab_size=1),
    "roberta-masked": _P(plain, kind="Roberta", head="ForMaskedLM", layer_norm_eps=1e-5),
    "roberta-spaced": _P(plain, kind="Roberta", spaces={"add_prefix_space": True}),
    "roberta-spaced-before-5": _P(
        plain, kind="Roberta", spaces={"add_prefix_space": True}, old_files=True
    ),
    "roberta-padded-elsewhere": _P(plain, kind="Roberta", pad_token_id=0),
    "bert-texts": _P(plain, head="ForSequenceClassification", id2label=NAMES),
    "bert-texts-two": _P(plain, head="ForSequenceClassification"),
    "bert-texts-many": _P(
        plain,
        head="ForSequenceClassification",
        id2label=NAMES,
        problem_type="multi_label_classification",
    ),
    "bert-texts-regression": _P(
        plain, head="ForSequenceClassification", num_labels=1, problem_type="regression"
    ),
    "bert-texts-one": _P(plain, head="ForSequenceClassification", num_labels=1),
    "bert-pieces": _P(plain, head="ForTokenClassification", id2label=NAMES),
    "distilbert-texts": _P(
        plain, kind="DistilBert", head="ForSequenceClassification", id2label=NAMES
    ),
    "distilbert-pieces": _P(
        plain, kind="DistilBert", head="ForTokenClassification", id2label=NAMES
    ),
    "roberta-texts": _P(plain, kind="Roberta", head="ForSequenceClassification", id2label=NAMES),
    "roberta-texts-bf16": _P(
        plain, kind="Roberta", head="ForSequenceClassification", dtype=torch.bfloat16
    ),
    "roberta-pieces": _P(
        plain, kind="Roberta", head="ForTokenClassification", id2label=NAMES, old_files=True
    ),
    "sentences-roberta": _P(sentences, kind="Roberta", longest=22),
    "sentences-mean": sentences,
    "sentences-cls": _P(sentences, pooling="cls"),
    "sentences-max": _P(sentences, pooling="max", normalised=False),
    "sentences-sqrt": _P(sentences, pooling="mean_sqrt_len_tokens", normalised=False),
    "sentences-weighted": _P(sentences, pooling="weightedmean", normalised=False),
    "sentences-last": _P(sentences, pooling="lasttoken"),
    "sentences-two": _P(sentences, pooling=("cls", "mean"), normalised=False),
    "sentences-short": _P(sentences, longest=5),
    "sentences-prompt": _P(sentences, prompt="rain, "),
    "sentences-before-5": _P(sentences, longest=7, old_files=True),
    "sentences-cls-before-5": _P(sentences, pooling="cls", longest=7, old_files=True),
    "sentences-mpnet": _P(sentences, kind="MPNet", longest=22),
    "sentences-distilbert": _P(sentences, kind="DistilBert"),
    "sentences-dense": _P(sentences, dense=({"out_features": 16},)),
    "sentences-dense-twice": _P(
        sentences,
        pooling=("cls", "max"),
        normalised=False,
        dense=(
            {"out_features": 48, "bias": False, "activation_function": torch.nn.Identity()},
            {"out_features": 20, "activation_function": torch.nn.GELU()},
        ),
    ),
    "sentences-dense-residual": _P(
        sentences,
        dense=(
            {"out_features": WIDTH, "use_residual": True},
            {"out_features": 12, "use_residual": True, "activation_function": torch.nn.ReLU()},
        ),
    ),
    "sentences-dense-leaky": _P(
        sentences, dense=({"out_features": 9, "activation_function": torch.nn.LeakyReLU()},)
    ),
}
