"""Published layouts of sentence encoders: what a repository's `config.json` and weights mean here.

Registered in the group `weft.architectures`, so that `weft_hub.load("hf:OWNER/NAME@REVISION")`
builds our encoder from repositories of BERT's layout.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import weft

from .bert import Bert, BertConfig
from .tasks import Sentences
from .wordpiece import WordPiece

__all__ = ["bert"]

_LONGEST = 512
# What would be computed otherwise than here, with the values that are computed so.
_FIXED = {
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
}
_POOLING = "1_Pooling/config.json"


class _BertLayout:
    """The layout of `BertModel`: BERT's encoder, uncased WordPiece, the mean of the pieces."""

    task = "sentence-embedding"
    wanted = ("vocab.txt", "tokenizer_config.json", "sentence_bert_config.json", _POOLING)

    def build(self, config: Mapping[str, Any]) -> Bert:
        """Return the encoder that `config` describes.

        Raises:
            ValueError: it asks for what this encoder does not do, or for a size that is none.
        """
        for key, allowed in _FIXED.items():
            if config.get(key, allowed[0]) not in allowed:
                raise ValueError(f"{key} must be {allowed[0]!r}, but is {config[key]!r}")
        sizes = {
            one.name: config[one.name] for one in dataclasses.fields(BertConfig)
            if one.name in config
        }  # fmt: skip
        for key, value in sizes.items():
            wanted = (int, float) if key == "layer_norm_eps" else (int,)
            if isinstance(value, bool) or not isinstance(value, wanted) or not value > 0:
                raise ValueError(f"{key} must be a number above 0, but is {value!r}")
        if sizes.get("num_hidden_layers", 12) > 1000:
            raise ValueError(f"num_hidden_layers is {sizes['num_hidden_layers']}, above 1000")
        return Bert(BertConfig(**sizes))

    def state(
        self, tensors: Mapping[str, weft.Tensor], config: Mapping[str, Any]
    ) -> dict[str, weft.Tensor]:
        """Return the tensors by the encoder's names.

        The heads of pre-training (`cls.`) are left out. Positions, which newer files do not carry,
        are counted; a pooler that a sentence encoder was published without is zero, since nothing
        here uses it.
        """
        found = {}
        for name, tensor in tensors.items():
            plain = name.removeprefix("bert.")
            plain = plain.replace("LayerNorm.gamma", "LayerNorm.weight")
            plain = plain.replace("LayerNorm.beta", "LayerNorm.bias")
            if not plain.startswith("cls."):
                found[plain] = tensor
        sizes = BertConfig(
            hidden_size=config.get("hidden_size", BertConfig.hidden_size),
            max_position_embeddings=config.get(
                "max_position_embeddings", BertConfig.max_position_embeddings
            ),
        )
        positions = weft.arange(sizes.max_position_embeddings).unsqueeze(0)
        found.setdefault("embeddings.position_ids", positions)
        width = sizes.hidden_size
        found.setdefault("pooler.dense.weight", weft.zeros(width, width))
        found.setdefault("pooler.dense.bias", weft.zeros(width))
        return found

    def preprocess(self, config: Mapping[str, Any], files: Mapping[str, Path]) -> Sentences:
        """Return what turns sentences into ids.

        Raises:
            ValueError: there is no `vocab.txt`, the tokenizer keeps capitals, or the sentence's
                vector is not the mean of its pieces.
        """
        if "vocab.txt" not in files:
            raise ValueError("a vocab.txt with the pieces of the vocabulary is required")
        told = _table(files, "tokenizer_config.json")
        if told.get("do_lower_case", True) is not True or told.get("strip_accents") is False:
            raise ValueError("its tokenizer keeps capitals or accents; uncased ones are known here")
        pooling = _table(files, _POOLING)
        others = [key for key, on in pooling.items() if key.startswith("pooling_mode_") and on
                  and key != "pooling_mode_mean_tokens"]  # fmt: skip
        if others:
            raise ValueError(f"its sentences are pooled by {others[0]}; the mean is known here")
        longest = _table(files, "sentence_bert_config.json").get("max_seq_length", _LONGEST)
        positions = config.get("max_position_embeddings", BertConfig.max_position_embeddings)
        if isinstance(longest, bool) or not isinstance(longest, int) or longest < 3:
            raise ValueError(f"max_seq_length must be an integer >= 3, but is {longest!r}")
        tokenizer = WordPiece.from_file(files["vocab.txt"])
        return Sentences("vocab.txt", min(longest, positions), tokenizer)

    def labels(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return nothing: dimensions of meaning have no names."""
        return ()


def _table(files: Mapping[str, Path], name: str) -> dict[str, Any]:
    if name not in files:
        return {}
    data = json.loads(files[name].read_bytes())
    if not isinstance(data, dict):
        raise ValueError(f"{name} must hold a table, but holds a {type(data).__name__}")
    return data


bert = _BertLayout()
