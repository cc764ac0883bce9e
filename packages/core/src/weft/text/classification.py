"""Classification of texts as the hub runs it: classes of each text, or of each of its pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import weft

from ._published_files import read_tokenizer
from .classifiers import SCORES
from .tasks import Sentences, Text, read_sentences

__all__ = ["text_classification", "token_classification"]

_BATCH = 32


class _Classification:
    """What both tasks share: sentences from a source, scores in batches."""

    name = ""
    # What the hub takes from a folder.
    endings = (".txt",)

    def labels(self, name: str) -> tuple[str, ...]:
        """Every model has classes of its own.

        Raises:
            ValueError: always; an entry for this task lists its labels.
        """
        raise ValueError(f"{self.name}: no label set is named {name!r}; the task has none")

    def preprocess(self, settings: Mapping[str, Any]) -> Sentences:
        """Have no settings: models for this task come from repositories, which bring them.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"{self.name}: an entry of an index cannot say how its texts are prepared; load the "
            "model from its repository, hf:OWNER/NAME@COMMIT"
        )

    def attach(self, model: Any, files: Mapping[str, Path]) -> None:
        """Hold the vocabulary that comes with a model's weights against the model.

        Args:
            model: a classifier that carries `preprocess`.
            files: the path of each file of the repository.

        Raises:
            ValueError: it is not the model's.
        """
        prepare = model.preprocess
        wanted = prepare.vocabulary
        tokenizer = read_tokenizer(wanted, files, prepare.tokenizer)
        size = model.encoder.embeddings.word_embeddings.num_embeddings
        if len(tokenizer.ids) != size:
            raise ValueError(
                f"{wanted} has {len(tokenizer.ids)} pieces, but the model has vectors for {size}"
            )
        model.preprocess = Sentences(wanted, prepare.longest, tokenizer, prepare.prompt)

    def scored(self, model: Any, sentences: list[str]) -> Iterator[tuple[Any, ...]]:
        """Yield ids, which of them are text, and what the scores say, for each sentence."""
        for first in range(0, len(sentences), _BATCH):
            ids, is_text = model.preprocess(sentences[first : first + _BATCH])
            with weft.no_grad():
                found = SCORES[model.scores](model(ids, is_text))
            if found.shape[-1] != len(model.labels):
                raise ValueError(
                    f"{self.name}: the model scores {found.shape[-1]} classes but has "
                    f"{len(model.labels)} labels"
                )
            yield from zip(ids.tolist(), is_text.tolist(), found, strict=True)


class _TextClassificationTask(_Classification):
    """The task `text-classification`."""

    name = "text-classification"

    def run(self, model: Any, source: Text, *, top: int = 5) -> dict[str, Any]:
        """Classify texts.

        Args:
            model: a classifier that carries `preprocess` and `labels`, as `weft_hub.load` returns
                it.
            source: a text, several, or a text file (a `Path` or bytes) with one in each line.
            top: how many classes to return for each, at least 1.

        Returns:
            `{"task": "text-classification", "sentences", "predictions": [[{"label", "index",
            "score"}, …] a sentence]}`, the highest score first. A score is a probability, unless
            the model was published to be read otherwise (`model.scores` is `none`).

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: `top` below 1, no text at all, or no UTF-8.
        """
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise ValueError(f"{self.name}: top must be an integer >= 1, got {top!r}")
        sentences = read_sentences(source, self.name)
        predictions = []
        for _, _, scores in self.scored(model, sentences):
            values, indices = scores.topk(min(top, len(model.labels)))
            predictions.append(
                [
                    {"label": model.labels[index], "index": index, "score": value}
                    for value, index in zip(values.tolist(), indices.tolist(), strict=True)
                ]
            )
        return {"task": self.name, "sentences": sentences, "predictions": predictions}

    def figures(self, result: Mapping[str, Any]) -> dict[str, float]:
        """What may be stated about a text: "score of LABEL in line N" for each."""
        return {
            f"score of {one['label']} in line {number}": one["score"]
            for number, found in enumerate(result["predictions"], 1)
            for one in found
        }

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: the classes of each text, and the text."""
        lines = []
        for sentence, found in zip(result["sentences"], result["predictions"], strict=True):
            told = ", ".join(f"{one['label']} {one['score']:.3f}" for one in found)
            lines.append(f"{told}  {sentence}")
        return "\n".join(lines)


class _TokenClassificationTask(_Classification):
    """The task `token-classification`."""

    name = "token-classification"

    def run(self, model: Any, source: Text) -> dict[str, Any]:
        """Classify each piece of texts.

        Args:
            model: as for `text-classification`.
            source: likewise.

        Returns:
            `{"task": "token-classification", "sentences", "pieces": [[{"piece", "label", "index",
            "score"}, …] a sentence]}`: the likeliest class of each piece as the vocabulary has it,
            in order, without the marks around a text.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: no text at all, or no UTF-8.
        """
        sentences = read_sentences(source, self.name)
        tokenizer = model.preprocess.tokenizer
        pieces = {number: piece for piece, number in tokenizer.ids.items()}
        told = []
        for ids, is_text, scores in self.scored(model, sentences):
            values, indices = scores.max(dim=-1)
            row = list(zip(ids, values.tolist(), indices.tolist(), strict=True))
            told.append(
                [
                    {
                        "piece": pieces[number],
                        "label": model.labels[index],
                        "index": index,
                        "score": value,
                    }
                    for number, value, index in row[1 : sum(is_text) - 1]
                ]
            )
        return {"task": self.name, "sentences": sentences, "pieces": told}

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: each piece with its class, a text a line."""
        return "\n".join(
            " ".join(f"{one['piece']}/{one['label']}" for one in row) for row in result["pieces"]
        )


text_classification = _TextClassificationTask()
token_classification = _TokenClassificationTask()
