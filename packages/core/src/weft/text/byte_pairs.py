"""Byte pairs: text into pieces that were merged from bytes, as GPT-2 and RoBERTa were trained on.

Text is parted into words, each with the space before it. The bytes of a word are its first pieces;
of two that stand side by side, those are merged that come first in a list of merges, until no two
are in it. So every text has pieces, whatever its script.

Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016); on
bytes: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.2.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from .wordpiece import filled_up

MARKS = ("<pad>", "<unk>", "<s>", "</s>")
_ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
# Over the kinds of the characters: letters, numbers, the space, other white space, all else.
_WORD = re.compile(r" ?L+| ?N+| ?o+|[ w]+(?![LNo])|[ w]+")
# What Unicode calls white space; Python's `isspace` has four control characters more.
_WHITE = frozenset("\t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000")
_WHITE |= frozenset(map(chr, range(0x2000, 0x200B)))
_MOST_KEPT = 1 << 16


def byte_signs() -> list[str]:
    """Return the character that stands for each byte in a vocabulary.

    A byte that is a printable character of Latin-1 stands for itself, the others for the
    characters from U+0100 on, in order.
    """
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


_SIGNS = byte_signs()


class BytePairs:
    """GPT-2's and RoBERTa's tokenizer.

    Args:
        vocabulary: the pieces; the place of one is its id. The marks are among them, and a piece
            for every byte.
        merges: pairs of pieces that become one, those that are merged first coming first.
        marks: what a row is filled up with, what stands for an unknown word, and what a text
            begins and ends with.
        spaced: whether a text begins as if a space stood before it.

    Raises:
        ValueError: a mark, a byte or what a merge gives is missing.

    Example:
        >>> import weft
        >>> signs = weft.text.byte_pairs.byte_signs()
        >>> tokenizer = weft.text.BytePairs(
        ...     ["<s>", "<pad>", "</s>", "<unk>", *signs, "pl", "pla"], [("p", "l"), ("pl", "a")]
        ... )
        >>> tokenizer.encode("play")
        [0, 261, 125, 2]
    """

    def __init__(
        self,
        vocabulary: Iterable[str],
        merges: Iterable[tuple[str, str]],
        *,
        marks: tuple[str, str, str, str] = MARKS,
        spaced: bool = False,
    ) -> None:
        self.ids = {piece: number for number, piece in enumerate(vocabulary)}
        self.marks, self.spaced = marks, spaced
        self._ranks: dict[tuple[str, str], int] = {}
        self._kept: dict[str, list[int]] = {}
        for needed in (*marks, *_SIGNS):
            if needed not in self.ids:
                raise ValueError(f"a vocabulary of byte pairs needs {needed!r}; this one has none")
        for left, right in merges:
            if left + right not in self.ids:
                raise ValueError(f"the vocabulary has not the piece {left + right!r} of its merges")
            self._ranks.setdefault((left, right), len(self._ranks))

    def encode(self, text: str, longest: int = 256) -> list[int]:
        """Return the ids of a text between its marks, cut to ``longest``."""
        ids: list[int] = []
        for word in words(f" {text}" if self.spaced and not text.startswith(" ") else text):
            if len(ids) >= longest:
                break
            ids += self._ids(word)
        return [self.ids[self.marks[2]], *ids[: longest - 2], self.ids[self.marks[3]]]

    def batch(
        self, texts: Sequence[str], longest: int = 256
    ) -> tuple[list[list[int]], list[list[bool]]]:
        """Return ids filled up to one length, and which of them are text."""
        rows = [self.encode(text, longest) for text in texts]
        return filled_up(rows, self.ids[self.marks[0]])

    def _ids(self, word: str) -> list[int]:
        found = self._kept.get(word)
        if found is None:
            found = [self.ids[piece] for piece in self.pieces(word)]
            if len(self._kept) < _MOST_KEPT:
                self._kept[word] = found
        return found

    def pieces(self, word: str) -> list[str]:
        """Return the pieces of one word, a space before it included."""
        # What cannot be UTF-8, half of a pair of surrogates, is what stands for an unknown sign.
        pieces: list[str | None] = [_SIGNS[byte] for byte in word.encode("utf-8", "replace")]
        following = list(range(1, len(pieces) + 1))
        before = list(range(-1, len(pieces) - 1))
        # By rank and then by place; an entry whose pieces were merged meanwhile is passed over.
        waiting: list[tuple[int, int, str, str]] = []

        def enter(at: int) -> None:
            after = following[at] if at >= 0 else len(pieces)
            if after < len(pieces):
                left, right = pieces[at], pieces[after]
                assert left is not None and right is not None  # the lists hold no merged ones
                rank = self._ranks.get((left, right))
                if rank is not None:
                    heapq.heappush(waiting, (rank, at, left, right))

        for at in range(len(pieces) - 1):
            enter(at)
        while waiting:
            _, at, left, right = heapq.heappop(waiting)
            after = following[at]
            if pieces[at] != left or after == len(pieces) or pieces[after] != right:
                continue
            pieces[at], pieces[after] = left + right, None
            following[at] = following[after]
            if following[at] < len(pieces):
                before[following[at]] = at
            enter(before[at])
            enter(at)
        return [piece for piece in pieces if piece is not None]


def words(text: str) -> Iterator[str]:
    """Yield the words, numbers, runs of signs and spaces of a text; together they are the text."""
    kinds = "".join(map(_kind, text))
    at = 0
    while at < len(text):
        ending = next((one for one in _ENDINGS if text.startswith(one, at)), None)
        if ending is not None:
            stop = at + len(ending)
        else:
            found = _WORD.match(kinds, at)
            assert found is not None  # every kind is in one of the alternatives
            stop = found.end()
        yield text[at:stop]
        at = stop


def _kind(character: str) -> str:
    if character == " ":
        return " "
    if character in _WHITE:
        return "w"
    category = unicodedata.category(character)
    return category[0] if category[0] in "LN" else "o"
