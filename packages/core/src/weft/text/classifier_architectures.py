"""Published layouts of classifiers of texts and of their pieces, for BERT, DistilBERT and RoBERTa.

Registered in the group `weft.architectures` by the names of transformers' classes, which a
repository's `config.json` gives. The encoder of each is read as in `architectures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import weft

from . import _published_files
from .architectures import Config, _BertLayout, _DistilBertLayout, _Layout, _RobertaLayout
from .bert import Bert
from .classifiers import PieceClassifier, TextClassifier
from .tasks import Sentences

__all__ = [
    "bert_pieces",
    "bert_texts",
    "distilbert_pieces",
    "distilbert_texts",
    "roberta_pieces",
    "roberta_texts",
]

_SCORES = {
    None: "softmax",
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "none",
}
_USUAL_CLASSES = 2  # of a config.json that names none
_MOST_CLASSES = 100_000


class _Classifying:
    """A layout whose encoder has a classifier after it."""

    task = ""

    def __init__(self, encoder: _Layout, name: str, heads: Mapping[str, str]) -> None:
        self._layout, self._name = encoder, name
        self._heads = heads  # our names of the layers after the encoder, by theirs
        self.wanted = (
            *_published_files.TOKENS,
            *(one for one in encoder.wanted if one in _published_files.PAIRS),
        )

    def encoder(self, config: Config) -> Bert:
        """Return the encoder that `config` describes.

        Raises:
            ValueError: it asks for what is not built here.
        """
        classes = config.get("architectures")
        for name in classes if isinstance(classes, list) else ():
            if name != self._name:
                raise ValueError(f"architectures must be {self._name} alone, but is {classes!r}")
        return self._layout.build({**config, "architectures": None})

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """Return the tensors by our names.

        Raises:
            ValueError: those of a layer after the encoder are missing.
        """
        found: dict[str, weft.Tensor] = {}
        rest: dict[str, weft.Tensor] = {}
        for name, tensor in tensors.items():
            layer, _, kind = name.rpartition(".")
            if layer in self._heads:
                found[f"{self._heads[layer]}.{kind}"] = tensor
            else:
                rest[name] = tensor
        for name in self._heads.values():
            if not {f"{name}.weight", f"{name}.bias"} <= found.keys():
                theirs = next(one for one, ours in self._heads.items() if ours == name)
                raise ValueError(f"there are no weights of {theirs}")
        encoder = self._layout.state(rest, config)
        return {f"encoder.{name}": tensor for name, tensor in encoder.items()} | found

    def preprocess(self, config: Config, files: Mapping[str, Path]) -> Sentences:
        """Return what turns texts into ids.

        Raises:
            ValueError: there is no vocabulary, or its tokenizer is not known here.
        """
        return self._layout.sentences(config, files)

    def labels(self, config: Config) -> tuple[str, ...]:
        """Return the name of each class.

        Raises:
            ValueError: `id2label` does not name them.
        """
        return labels_of(config)


class _Texts(_Classifying):
    """Classifiers of a text as a whole."""

    task = "text-classification"

    def __init__(
        self, encoder: _Layout, name: str, heads: Mapping[str, str], activation: str = "tanh"
    ) -> None:
        super().__init__(encoder, name, heads)
        self._activation = activation

    def build(self, config: Config) -> TextClassifier:
        """Return the classifier that `config` describes.

        Raises:
            ValueError: it asks for what is not built here.
        """
        problem = config.get("problem_type")
        if not (problem is None or isinstance(problem, str)) or problem not in _SCORES:
            known = ", ".join(str(one) for one in _SCORES if one is not None)
            raise ValueError(f"problem_type must be one of {known}, but is {problem!r}")
        classes = len(labels_of(config))
        scores = "sigmoid" if classes == 1 and problem != "regression" else _SCORES[problem]
        return TextClassifier(
            self.encoder(config), classes, activation=self._activation, scores=scores
        )


class _Pieces(_Classifying):
    """Classifiers of each piece of a text."""

    task = "token-classification"

    def build(self, config: Config) -> PieceClassifier:
        """Return the classifier that `config` describes.

        Raises:
            ValueError: it asks for what is not built here.
        """
        return PieceClassifier(self.encoder(config), len(labels_of(config)))


def labels_of(config: Config) -> tuple[str, ...]:
    """Return the names that `id2label` gives to the classes; LABEL_0 and so on where it is not.

    Raises:
        ValueError: it is no table of a name for each number from 0 on, or `num_labels` differs.
    """
    told: Any = config.get("id2label")
    count = config.get("num_labels", _USUAL_CLASSES if told is None else None)
    if count is not None and (type(count) is not int or not 0 < count <= _MOST_CLASSES):
        raise ValueError(f"num_labels must be from 1 to {_MOST_CLASSES}, but is {count!r}")
    if told is None:
        assert count is not None  # one of the two was there, or the usual count
        return tuple(f"LABEL_{number}" for number in range(count))
    if not isinstance(told, Mapping) or not 0 < len(told) <= _MOST_CLASSES:
        raise ValueError(f"id2label must be a table of names by numbers, but is {told!r:.80}")
    names = []
    for number in range(len(told)):
        name = told.get(str(number))
        if not isinstance(name, str):
            raise ValueError(
                f"id2label must name each number from 0 to {len(told) - 1}, but names {number} "
                f"{name!r:.80}"
            )
        names.append(name)
    if count not in (None, len(names)):
        raise ValueError(f"num_labels is {count}, but id2label names {len(names)}")
    return tuple(names)


_BERT, _DISTILBERT, _ROBERTA = _BertLayout(), _DistilBertLayout(), _RobertaLayout()
_LAST = {"classifier": "classifier"}

bert_texts = _Texts(
    _BERT,
    "BertForSequenceClassification",
    {**_LAST, "bert.pooler.dense": "encoder.pooler.dense"},
)
distilbert_texts = _Texts(
    _DISTILBERT,
    "DistilBertForSequenceClassification",
    {**_LAST, "pre_classifier": "encoder.pooler.dense"},
    activation="relu",
)
roberta_texts = _Texts(
    _ROBERTA,
    "RobertaForSequenceClassification",
    {"classifier.dense": "encoder.pooler.dense", "classifier.out_proj": "classifier"},
)
bert_pieces = _Pieces(_BERT, "BertForTokenClassification", _LAST)
distilbert_pieces = _Pieces(_DISTILBERT, "DistilBertForTokenClassification", _LAST)
roberta_pieces = _Pieces(_ROBERTA, "RobertaForTokenClassification", _LAST)
