"""Published layouts of sentence encoders: what a repository's `config.json` and weights mean here.

Registered in the group `weft.architectures`, so that `weft_hub.load("hf:OWNER/NAME@REVISION")`
builds our encoder from repositories of the layouts of BERT, of DistilBERT, which is a BERT with
other names and without kinds of sentences, of RoBERTa and of MPNet.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import weft

from . import _published_files, _published_modules
from ._published_byte_pairs import byte_pairs_of
from .bert import Bert, BertConfig
from .byte_pairs import BytePairs
from .mpnet import BEFORE, Mpnet
from .roberta import BEFORE as ROBERTA_BEFORE
from .roberta import PADDING, Roberta
from .tasks import Sentences
from .wordpiece import WordPiece

__all__ = ["bert", "distilbert", "mpnet", "roberta"]

Config = Mapping[str, Any]


class _Layout:
    """What the layouts share: sizes that are checked, and the files beside the weights."""

    task = "sentence-embedding"
    wanted = (*_published_files.ALL, *_published_modules.FILES)
    # What would be computed otherwise than here, with the values that are computed so.
    fixed: Mapping[str, tuple[object, ...]] = {}
    # The keys of `config.json` for our sizes.
    keys: Mapping[str, str] = {}
    # Classes of models whose encoder is used; the heads that some have are for pre-training.
    classes: tuple[str, ...] = ()
    # Places of the table of positions that come before a text's first piece.
    before = 0

    def build(self, config: Config) -> Bert:
        """Return the encoder that `config` describes.

        Raises:
            ValueError: it asks for what this encoder does not do, or for a size that is none.
        """
        self.check(config)
        return Bert(self.sizes(config))

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """Return the tensors by the encoder's names, without what is not the encoder's."""
        raise NotImplementedError

    def check(self, config: Config) -> None:
        """Refuse a config that asks for another class or another computation."""
        classes = config.get("architectures")
        for name in classes if isinstance(classes, list) else ():
            if name not in self.classes:
                known = ", ".join(self.classes)
                raise ValueError(
                    f"architectures must be one of {known}, but is {name!r}, whose head is not "
                    "built here"
                )
        for key, allowed in self.fixed.items():
            if config.get(key, allowed[0]) not in allowed:
                raise ValueError(f"{key} must be {allowed[0]!r}, but is {config[key]!r}")

    def sizes(self, config: Config) -> BertConfig:
        """Return the sizes that `config` gives; BERT base's where it gives none.

        Raises:
            ValueError: one of them is none.
        """
        sizes = {}
        for one in dataclasses.fields(BertConfig):
            key = self.keys.get(one.name, one.name)
            if key in config:
                sizes[one.name] = config[key]
        for name, value in sizes.items():
            key = self.keys.get(name, name)
            if name == "hidden_act":
                if not isinstance(value, str):
                    raise ValueError(f"{key} must be a name, but is {value!r}")
                continue
            wanted = (int, float) if name == "layer_norm_eps" else (int,)
            if isinstance(value, bool) or not isinstance(value, wanted) or not value > 0:
                raise ValueError(f"{key} must be a number above 0, but is {value!r}")
        if sizes.get("num_hidden_layers", 12) > 1000:
            raise ValueError(f"the layers are {sizes['num_hidden_layers']}, above 1000")
        return BertConfig(**sizes)

    def preprocess(self, config: Config, files: Mapping[str, Path]) -> Sentences:
        """Return what turns sentences into ids.

        Raises:
            ValueError: there is no vocabulary, or its tokenizer or the way in which its sentences
                become vectors is not known here.
        """
        # Refused here, before the weights are fetched.
        pooling = _published_modules.pooling_of(files)
        _published_modules.projection_of(files, self.sizes(config).hidden_size * len(pooling.modes))
        return self.sentences(config, files)

    def sentences(self, config: Config, files: Mapping[str, Path]) -> Sentences:
        """Return what turns sentences into ids, whatever comes after the encoder.

        Raises:
            ValueError: there is no vocabulary, or its tokenizer is not known here.
        """
        places = self.sizes(config).max_position_embeddings - self.before
        longest = _published_files.longest_of(files, places)
        name, tokenizer = self.tokenizer(files)
        return Sentences(name, longest, tokenizer, _published_files.prompt_of(files))

    def tokenizer(self, files: Mapping[str, Path]) -> tuple[str, WordPiece | BytePairs]:
        """Return the file that has the vocabulary, and the tokenizer."""
        return _published_files.tokenizer_of(files)

    def labels(self, config: Config) -> tuple[str, ...]:
        """Return nothing: dimensions of meaning have no names."""
        return ()


def _filled(
    found: dict[str, weft.Tensor], sizes: BertConfig, before: int = 0
) -> dict[str, weft.Tensor]:
    """Add what a layout does not carry.

    Positions, which newer files do not have, are counted; a pooler that an encoder was published
    without is zero, since nothing here uses it.
    """
    positions = weft.arange(sizes.max_position_embeddings).unsqueeze(0) + before
    found.setdefault("embeddings.position_ids", positions)
    width = sizes.hidden_size
    found.setdefault("pooler.dense.weight", weft.zeros(width, width))
    found.setdefault("pooler.dense.bias", weft.zeros(width))
    return found


class _BertLayout(_Layout):
    """The layout of `BertModel`."""

    fixed = {  # noqa: RUF012  # read alone
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False,),
        "add_cross_attention": (False,),
    }
    classes = ("BertModel", "BertForMaskedLM", "BertForPreTraining")

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """Return the tensors by the encoder's names, without the heads of pre-training (`cls.`)."""
        found = {}
        for name, tensor in tensors.items():
            plain = name.removeprefix("bert.")
            plain = plain.replace("LayerNorm.gamma", "LayerNorm.weight")
            plain = plain.replace("LayerNorm.beta", "LayerNorm.bias")
            if not plain.startswith("cls."):
                found[plain] = tensor
        return _filled(found, self.sizes(config))


_DISTILBERT_LAYERS = {
    "attention.q_lin": "attention.self.query",
    "attention.k_lin": "attention.self.key",
    "attention.v_lin": "attention.self.value",
    "attention.out_lin": "attention.output.dense",
    "sa_layer_norm": "attention.output.LayerNorm",
    "ffn.lin1": "intermediate.dense",
    "ffn.lin2": "output.dense",
    "output_layer_norm": "output.LayerNorm",
}


class _DistilBertLayout(_Layout):
    """The layout of `DistilBertModel`, whose one kind of sentence adds nothing."""

    keys = {  # noqa: RUF012  # read alone
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
        "hidden_act": "activation",
        "type_vocab_size": "",  # never said
        "layer_norm_eps": "",
    }
    classes = ("DistilBertModel", "DistilBertForMaskedLM")

    def sizes(self, config: Config) -> BertConfig:
        base = {"dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 4 * 768}
        found = super().sizes({**base, **config})
        return dataclasses.replace(found, type_vocab_size=1)

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """Return the tensors by the encoder's names, without the head of pre-training."""
        found = {}
        for name, tensor in tensors.items():
            plain = name.removeprefix("distilbert.")
            match = re.fullmatch(r"transformer\.layer\.(\d{1,4})\.(.+)\.(weight|bias)", plain)
            if match is not None and match[2] in _DISTILBERT_LAYERS:
                plain = f"encoder.layer.{match[1]}.{_DISTILBERT_LAYERS[match[2]]}.{match[3]}"
            if not plain.startswith("vocab_"):
                found[plain] = tensor
        sizes = self.sizes(config)
        nothing = weft.zeros(1, sizes.hidden_size)
        return _filled({"embeddings.token_type_embeddings.weight": nothing, **found}, sizes)


class _MpnetLayout(_Layout):
    """The layout of `MPNetModel`."""

    keys = {"type_vocab_size": ""}  # noqa: RUF012  # read alone; never said
    # transformers itself always tells 32 distances apart.
    fixed = {"relative_attention_num_buckets": (32,)}  # noqa: RUF012  # read alone
    classes = ("MPNetModel", "MPNetForMaskedLM")
    before = BEFORE

    def build(self, config: Config) -> Mpnet:
        self.check(config)
        return Mpnet(self.sizes(config))

    def sizes(self, config: Config) -> BertConfig:
        found = dataclasses.replace(
            super().sizes({"vocab_size": 30527, **config}), type_vocab_size=1
        )
        if found.max_position_embeddings <= BEFORE + 2:
            raise ValueError(
                f"max_position_embeddings must be above {BEFORE + 2}, but is "
                f"{found.max_position_embeddings}"
            )
        return found

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """Return the tensors by the encoder's names, without the head of pre-training."""
        found = {}
        for name, tensor in tensors.items():
            plain = name.removeprefix("mpnet.").removeprefix("encoder.relative_attention_bias.")
            if plain != name and "encoder.relative_attention_bias." in name:
                plain = f"relative_attention_bias.{plain}"
            for theirs, ours in _MPNET_LAYERS.items():
                plain = plain.replace(f".attention.{theirs}.", f".attention.{ours}.")
            if not plain.startswith("lm_head.") and plain != "embeddings.position_ids":
                found[plain] = tensor
        sizes = self.sizes(config)
        nothing = weft.zeros(1, sizes.hidden_size)
        found = {"embeddings.token_type_embeddings.weight": nothing, **found}
        return _filled(found, sizes, BEFORE)


_MPNET_LAYERS = {
    "attn.q": "self.query",
    "attn.k": "self.key",
    "attn.v": "self.value",
    "attn.o": "output.dense",
    "LayerNorm": "output.LayerNorm",
}


class _RobertaLayout(_Layout):
    """The layout of `RobertaModel`."""

    wanted = (*_Layout.wanted, *_published_files.PAIRS)
    # Places are counted from the one after the padding's.
    fixed = {**_BertLayout.fixed, "pad_token_id": (PADDING,)}  # noqa: RUF012  # read alone
    classes = ("RobertaModel", "RobertaForMaskedLM")
    before = ROBERTA_BEFORE

    def build(self, config: Config) -> Roberta:
        self.check(config)
        return Roberta(self.sizes(config))

    def sizes(self, config: Config) -> BertConfig:
        found = super().sizes({"vocab_size": 50265, **config})
        if found.max_position_embeddings <= ROBERTA_BEFORE + 2:
            raise ValueError(
                f"max_position_embeddings must be above {ROBERTA_BEFORE + 2}, but is "
                f"{found.max_position_embeddings}"
            )
        return found

    def tokenizer(self, files: Mapping[str, Path]) -> tuple[str, WordPiece | BytePairs]:
        return byte_pairs_of(files)

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """Return the tensors by the encoder's names, without the head of pre-training."""
        found = {name.removeprefix("roberta."): tensor for name, tensor in tensors.items()}
        found = {name: tensor for name, tensor in found.items() if not name.startswith("lm_head.")}
        found.pop("embeddings.position_ids", None)  # older files have them, uncounted
        return _filled(found, self.sizes(config), ROBERTA_BEFORE)


bert = _BertLayout()
distilbert = _DistilBertLayout()
mpnet = _MpnetLayout()
roberta = _RobertaLayout()
