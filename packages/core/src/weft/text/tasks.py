"""Sentence embedding as the hub runs it: vectors that are near where meanings are."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import weft

from ._published_files import read_tokenizer
from ._published_modules import fill, pooling_of, projection_of
from .byte_pairs import BytePairs
from .wordpiece import WordPiece

__all__ = ["Sentences", "sentence_embedding"]

# A text file, its bytes, one sentence, or several.
Text = os.PathLike[str] | bytes | str | Sequence[str]

_SETTINGS = {"vocabulary": "vocab.txt", "longest": 256}
_BATCH = 32
# Up to so many sentences all pairs are compared, and a table of cosines can be read.
_TABLE = 12


class Sentences:
    """What turns sentences into the ids that an encoder takes.

    Args:
        vocabulary: the name of the entry's file with the pieces.
        longest: pieces a sentence, marks included; what is longer is cut off.
        tokenizer: None until the file is there.
        prompt: what stands before each sentence.
    """

    def __init__(
        self,
        vocabulary: str,
        longest: int,
        tokenizer: WordPiece | BytePairs | None = None,
        prompt: str = "",
    ) -> None:
        self.vocabulary, self.longest, self.tokenizer = vocabulary, longest, tokenizer
        self.prompt = prompt

    def __call__(self, source: Text) -> tuple[weft.Tensor, weft.Tensor]:
        """Return ids, (sentences, time) int64, and which of them are text, the same shape, bool.

        Args:
            source: a sentence, several, or a text file (a `Path` or bytes) with one in each line.

        Raises:
            ValueError: no sentence at all, no UTF-8, or no vocabulary yet.
        """
        if self.tokenizer is None:
            raise ValueError(
                "Sentences: there is no vocabulary yet; weft_hub.load gives a model that has one"
            )
        told = [f"{self.prompt}{sentence}" for sentence in read_sentences(source)]
        ids, is_text = self.tokenizer.batch(told, self.longest)
        return weft.tensor(ids, dtype=weft.int64), weft.tensor(is_text)


class _SentenceEmbeddingTask:
    """The task `sentence-embedding`: its preprocessing, run and report."""

    name = "sentence-embedding"
    # What the hub takes from a folder.
    endings = (".txt",)

    def labels(self, name: str) -> tuple[str, ...]:
        """Dimensions of meaning have no names.

        Raises:
            ValueError: always; an entry for this task states no label set.
        """
        raise ValueError(f"{self.name}: no label set is named {name!r}; the task has none")

    def preprocess(
        self, settings: Mapping[str, Any], files: Mapping[str, Path] | None = None
    ) -> Sentences:
        """What turns sentences into ids, with the vocabulary of `files` or once `attach` gave one.

        Args:
            settings: `{"vocabulary": "vocab.txt", "longest": 256}`, or what differs from it.
            files: the path of each file of the entry, if they are there.

        Raises:
            ValueError: a setting is unknown (the nearest name is suggested) or has a wrong value.
        """
        for name in settings:
            if name not in _SETTINGS:
                near = difflib.get_close_matches(name, _SETTINGS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_SETTINGS)}"
                raise ValueError(f"{self.name}: no preprocess setting {name!r}; {hint}")
        said = {**_SETTINGS, **settings}
        if not isinstance(said["vocabulary"], str):
            raise ValueError(
                f"{self.name}: vocabulary must name a file, got {said['vocabulary']!r}"
            )
        longest = said["longest"]
        if isinstance(longest, bool) or not isinstance(longest, int) or longest < 3:
            raise ValueError(f"{self.name}: longest must be an integer >= 3, got {longest!r}")
        wanted = said["vocabulary"]
        if files is None:
            return Sentences(wanted, longest)
        if wanted not in files:
            raise ValueError(f"the vocabulary {wanted!r} is none of the files {', '.join(files)}")
        return Sentences(wanted, longest, WordPiece.from_file(files[wanted]))

    def attach(self, model: Any, files: Mapping[str, Path]) -> None:
        """Give a model the vocabulary that comes with its weights.

        Args:
            model: an encoder that carries `preprocess`.
            files: the path of each file of the entry.

        Raises:
            ValueError: the file is missing, is no vocabulary, or is not the model's.
        """
        prepare = model.preprocess
        wanted = prepare.vocabulary
        if wanted not in files:
            raise ValueError(f"the vocabulary {wanted!r} is none of the files {', '.join(files)}")
        tokenizer = read_tokenizer(wanted, files, prepare.tokenizer)
        size = model.embeddings.word_embeddings.num_embeddings
        if len(tokenizer.ids) != size:
            raise ValueError(
                f"{wanted} has {len(tokenizer.ids)} pieces, but the model has vectors for {size}"
            )
        model.preprocess = Sentences(wanted, prepare.longest, tokenizer, prepare.prompt)
        model.pooling = pooling_of(files)
        width = model.config.hidden_size * len(model.pooling.modes)
        model.projection = projection_of(files, width).eval()
        fill(model.projection, files)

    def run(self, model: Any, source: Text) -> dict[str, Any]:
        """Embed sentences.

        Args:
            model: an encoder that carries `preprocess`, as `weft_hub.load` returns it.
            source: a sentence, several, or a text file (a `Path` or bytes) with one in each line.

        Returns:
            `{"task": "sentence-embedding", "sentences", "dimensions", "embeddings": [a vector a
            sentence]}`; its length is 1 unless the model was published to be used otherwise.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: no sentence at all, or no UTF-8.
        """
        sentences = read_sentences(source)
        found = []
        with weft.no_grad():
            for first in range(0, len(sentences), _BATCH):
                ids, is_text = model.preprocess(sentences[first : first + _BATCH])
                found.append(model.embed(ids, is_text))
        vectors = weft.cat(found)
        return {
            "task": self.name,
            "sentences": sentences,
            "dimensions": vectors.shape[1],
            "embeddings": vectors.tolist(),
        }

    def figures(self, result: Mapping[str, Any]) -> dict[str, float]:
        """What an entry of the hub may state about a text: "cosine of lines I and J" for each pair.

        Only the first twelve lines are compared.
        """
        cosines = _cosines(result["embeddings"][:_TABLE])
        return {
            f"cosine of lines {i + 1} and {j + 1}": cosines[i][j]
            for i in range(len(cosines))
            for j in range(i + 1, len(cosines))
        }

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: how near each sentence is to each other.

        Of more than twelve sentences, each is shown with the one that is nearest to it.
        """
        sentences = result["sentences"]
        cosines = _cosines(result["embeddings"])
        if len(sentences) <= _TABLE:
            rows = ["  ".join(f"{value:6.3f}" for value in row) for row in cosines]
            return "\n".join(
                f"{row}  {sentence}" for row, sentence in zip(rows, sentences, strict=True)
            )
        lines = []
        for i, row in enumerate(cosines):
            value, j = max((value, j) for j, value in enumerate(row) if j != i)
            lines.append(f"{value:6.3f}  {sentences[i]}  |  {sentences[j]}")
        return "\n".join(lines)


sentence_embedding = _SentenceEmbeddingTask()


def read_sentences(source: Text, who: str = "sentence-embedding") -> list[str]:
    """Return the sentences of a source; empty lines of a file are none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no sentence at all, or no UTF-8.
    """
    if isinstance(source, str):
        return [source]
    if not isinstance(source, os.PathLike | bytes | bytearray):
        if not source:
            raise ValueError(f"{who}: needs at least one sentence, got none")
        return list(source)
    named = "the text" if isinstance(source, bytes | bytearray) else os.fspath(source)
    content = source if isinstance(source, bytes | bytearray) else Path(source).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{who}: {named} must be text in UTF-8, but byte {error.start} is none"
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{who}: {named} has no sentence; one a line is required")
    return lines


def _cosines(embeddings: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return the cosine of each pair."""
    vectors = weft.nn.functional.normalize(weft.tensor(embeddings, dtype=weft.float64), dim=1)
    found: list[list[float]] = (vectors @ vectors.T).tolist()
    return found
