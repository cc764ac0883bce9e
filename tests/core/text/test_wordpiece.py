"""The tokenizer of sentence encoders: cleaning, parting, the longest pieces first."""

from __future__ import annotations

import pytest

from weft.text import WordPiece
from weft.text.wordpiece import words


def test_text_is_parted_at_spaces_and_punctuation() -> None:
    assert list(words("It's  3.5%,\tno?")) == ["it", "'", "s", "3", ".", "5", "%", ",", "no", "?"]


def test_accents_and_control_characters_go() -> None:
    assert list(words("Ça\u0000 na\u00efve \ufffdÅngström\u200b")) == ["ca", "naive", "angstrom"]


def test_each_chinese_character_is_a_word() -> None:
    assert list(words("你好ok")) == ["你", "好", "ok"]


def test_pieces_are_the_longest_there_are() -> None:
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##a"])
    assert tokenizer.pieces("unaffable") == ["un", "##aff", "##able"]
    assert tokenizer.pieces("unknown") == ["[UNK]"]
    assert tokenizer.pieces("a" * 101) == ["[UNK]"]


def test_a_batch_is_filled_up_and_says_what_is_text() -> None:
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"])
    ids, is_text = tokenizer.batch(["a b a", "b", ""], longest=4)
    assert ids == [[2, 4, 5, 3], [2, 5, 3, 0], [2, 3, 0, 0]]
    assert is_text == [[True] * 4, [True] * 3 + [False], [True] * 2 + [False] * 2]


def test_a_vocabulary_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs \[SEP\]"):
        WordPiece(["[PAD]", "[UNK]", "[CLS]", "a"])


def test_a_cased_vocabulary_keeps_capitals_and_accents() -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "Éa", "ea", "éa"]
    text = "Éa éa ea"
    assert WordPiece(pieces, lowercase=False).encode(text) == [2, 4, 6, 5, 3]
    assert WordPiece(pieces).encode(text) == [2, 5, 5, 5, 3]
    assert WordPiece(pieces, strip_accents=False).encode(text) == [2, 6, 6, 5, 3]
