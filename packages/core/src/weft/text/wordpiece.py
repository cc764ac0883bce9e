"""WordPiece: text into the pieces of a vocabulary, as BERT's models were trained on.

Text is cleaned, for an uncased model lower-cased and freed of accents, and parted at spaces and
punctuation. Each word becomes the longest pieces that the vocabulary has, taken from the left;
those within a word begin with ``##``. Source: Devlin et al., "BERT" (2018), and its published
vocabularies.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LONGEST_WORD = 100  # a longer one is unknown as a whole
# Blocks of Chinese characters, each of which is a word by itself.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """BERT's tokenizer.

    Args:
        vocabulary: the pieces; the place of one is its id. The marks are among them.
        lowercase: whether capitals become small letters, as for an uncased model.
        strip_accents: whether accents go; None: as ``lowercase``.
        marks: what a row is filled up with, what stands for an unknown word, and what a text
            begins and ends with.

    Raises:
        ValueError: one of these is missing.

    Example:
        >>> import weft
        >>> tokenizer = weft.text.WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "play", "##s"])
        >>> tokenizer.encode("plays")
        [2, 4, 5, 3]
    """

    def __init__(
        self,
        vocabulary: Iterable[str],
        *,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        marks: tuple[str, str, str, str] = MARKS,
    ) -> None:
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.ids = {piece: number for number, piece in enumerate(vocabulary)}
        self.marks = marks
        for needed in marks:
            if needed not in self.ids:
                raise ValueError(f"a vocabulary of WordPiece needs {needed}; this one has none")

    @classmethod
    def from_file(cls, path: Path, **settings: Any) -> WordPiece:
        """Read a vocabulary with a piece a line; the settings are those of the class.

        Raises:
            ValueError: it is no text, or lacks one of the marks.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no vocabulary: it is not UTF-8 ({error})") from error
        return cls(text.rstrip("\n").split("\n"), **settings)

    def encode(self, text: str, longest: int = 256) -> list[int]:
        """Return the ids of a text between its marks, cut to ``longest``."""
        parted = words(text, lowercase=self.lowercase, strip_accents=self.strip_accents)
        pieces = [piece for word in parted for piece in self.pieces(word)]
        ids = [self.ids[piece] for piece in pieces[: longest - 2]]
        return [self.ids[self.marks[2]], *ids, self.ids[self.marks[3]]]

    def batch(
        self, texts: Sequence[str], longest: int = 256
    ) -> tuple[list[list[int]], list[list[bool]]]:
        """Return ids filled up to one length, and which of them are text."""
        rows = [self.encode(text, longest) for text in texts]
        return filled_up(rows, self.ids[self.marks[0]])

    def pieces(self, word: str) -> list[str]:
        """Return the pieces of one word; the mark for unknown ones where a part of it has none."""
        if len(word) > _LONGEST_WORD:
            return [self.marks[1]]
        found: list[str] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if mark + word[start:end] in self.ids), None)
            if end is None:
                return [self.marks[1]]
            found.append(mark + word[start:end])
            start = end
        return found


def filled_up(rows: list[list[int]], padding: int) -> tuple[list[list[int]], list[list[bool]]]:
    """Return rows of one length, filled up with `padding`, and which places are not."""
    width = max(map(len, rows))
    ids = [row + [padding] * (width - len(row)) for row in rows]
    return ids, [[at < len(row) for at in range(width)] for row in rows]


def words(text: str, *, lowercase: bool = True, strip_accents: bool = True) -> Iterator[str]:
    """Yield the words and punctuation marks of a text, in small letters and without accents."""
    plain = "".join(_cleaned(text))
    if strip_accents:
        plain = unicodedata.normalize("NFD", plain)
        plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    if lowercase:
        plain = plain.lower()
    for run in plain.split():
        word = ""
        for character in run:
            if _is_punctuation(character):
                if word:
                    yield word
                yield character
                word = ""
            else:
                word += character
        if word:
            yield word


def _cleaned(text: str) -> Iterator[str]:
    for character in text:
        code = ord(character)
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            yield " "
        elif code in (0, 0xFFFD) or unicodedata.category(character).startswith("C"):
            continue
        elif any(first <= code <= last for first, last in _IDEOGRAPHS):
            yield f" {character} "
        else:
            yield character


def _is_punctuation(character: str) -> bool:
    """Whether a character stands by itself: Unicode's punctuation, and all of ASCII's signs."""
    if character.isascii():
        return not character.isalnum() and not character.isspace()
    return unicodedata.category(character).startswith("P")
