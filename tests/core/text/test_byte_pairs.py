"""Byte pairs: words with the space before them, merges in order, and the files they come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weft.text import BytePairs
from weft.text._published_byte_pairs import byte_pairs_of
from weft.text.architectures import roberta
from weft.text.byte_pairs import byte_signs, words

SPACE = byte_signs()[ord(" ")]
MERGES = [("l", "a"), ("p", "la"), ("a", "y"), ("pla", "y"), (SPACE, "a"), ("a", "a")]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *byte_signs(), *map("".join, MERGES)]
IDS = {piece: number for number, piece in enumerate(PIECES)}


def pieces(text: str, **settings: Any) -> list[str]:
    ids = BytePairs(PIECES, MERGES, **settings).encode(text)
    assert (ids[0], ids[-1]) == (0, 2)
    return [PIECES[number] for number in ids[1:-1]]


# ---- words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a man plays", ["a", " man", " plays"]),
        ("It's 12 o'clock", ["It", "'s", " 12", " o", "'", "clock"]),
        ("they'll we've 'S", ["they", "'ll", " we", "'ve", " '", "S"]),
        ("a  b   c", ["a", " ", " b", "  ", " c"]),
        ("end \n\n", ["end", " \n\n"]),
        ("\tx\n y", ["\t", "x", "\n", " y"]),
        ("Éa 東京½٣!?", ["Éa", " 東京", "½٣", "!?"]),
        ("a\u00a0b\x1cc", ["a", "\u00a0", "b", "\x1c", "c"]),  # only the first is white space
        ("e\u0301", ["e", "\u0301"]),
        ("", []),
    ],
)
def test_text_is_parted_into_words_with_their_spaces(text: str, parts: list[str]) -> None:
    assert list(words(text)) == parts


def test_each_byte_has_a_sign_of_its_own() -> None:
    signs = byte_signs()
    assert len(set(signs)) == 256
    assert (signs[ord("a")], signs[ord(" ")], signs[0]) == ("a", "\u0120", "\u0100")


# ---- merges


def test_what_comes_first_in_the_list_is_merged_first() -> None:
    assert pieces("play") == ["play"]
    assert pieces("lay") == ["la", "y"]  # not "l", "ay": "la" comes before it
    assert pieces("aaa") == ["aa", "a"]  # of equal ones the left
    assert pieces("man a") == ["m", "a", "n", f"{SPACE}a"]


def test_a_text_without_merges_is_its_bytes() -> None:
    assert pieces("é") == [byte_signs()[byte] for byte in "é".encode()]
    assert pieces("\ud800") == ["?"]  # half of a pair has no bytes


def test_a_spaced_text_begins_as_within_a_sentence() -> None:
    assert pieces("a", spaced=True) == [f"{SPACE}a"]
    assert pieces(" a", spaced=True) == [f"{SPACE}a"]
    assert pieces("a") == ["a"]


def test_a_batch_is_cut_and_filled_up() -> None:
    ids, is_text = BytePairs(PIECES, MERGES).batch(["play play play", "a"], longest=4)
    assert ids[0] == [0, IDS["play"], IDS[SPACE], 2]
    assert ids[1] == [0, IDS["a"], 2, 1]
    assert is_text == [[True] * 4, [True] * 3 + [False]]


def test_a_long_word_of_equal_letters_is_merged_without_looking_at_all_pairs_again() -> None:
    found = BytePairs(PIECES, MERGES).pieces("a" * 200_001)
    assert len(found) == 100_001


@pytest.mark.parametrize(
    ("vocabulary", "merges", "says"),
    [
        (PIECES[1:], MERGES, "needs '<s>'"),
        ([piece for piece in PIECES if piece != "x"], MERGES, "needs 'x'; this one has none"),
        (PIECES, [("x", "y")], "has not the piece 'xy' of its merges"),
    ],
)
def test_a_vocabulary_that_lacks_something_is_refused(
    vocabulary: list[str], merges: list[tuple[str, str]], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        BytePairs(vocabulary, merges)


# ---- files

TOKENIZER: dict[str, Any] = {
    "added_tokens": [{"content": "<s>", "id": 0, "special": True}],
    "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
    "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2]},
    "model": {"type": "BPE", "vocab": IDS, "merges": [list(pair) for pair in MERGES]},
}


def written(folder: Path, **contents: Any) -> dict[str, Path]:
    files = {}
    for name, content in contents.items():
        file = name.replace("__", ".")
        files[file] = folder / file
        text = content if isinstance(content, str) else json.dumps(content)
        files[file].write_text(text, "utf-8")
    return files


def test_both_kinds_of_files_give_the_same_tokenizer(tmp_path: Path) -> None:
    listed = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in MERGES)
    old = written(
        tmp_path,
        vocab__json=IDS,
        merges__txt=listed.replace("\n", "\r\n"),
        tokenizer_config__json={"add_prefix_space": True},
    )
    new = written(tmp_path, tokenizer__json=TOKENIZER)
    in_text = {**TOKENIZER["model"], "merges": [" ".join(pair) for pair in MERGES]}
    (tmp_path / "b").mkdir()
    other = written(tmp_path / "b", tokenizer__json={**TOKENIZER, "model": in_text})
    found = [byte_pairs_of(files) for files in (old, new, other)]
    assert [name for name, _ in found] == ["vocab.json", "tokenizer.json", "tokenizer.json"]
    expected = BytePairs(PIECES, MERGES, spaced=True).encode("play a man, é")
    assert [tokenizer.encode("play a man, é") for _, tokenizer in found] == [expected] * 3


@pytest.mark.parametrize(
    ("key", "change", "says"),
    [
        ("model", {"type": "Unigram"}, "model: type must be 'BPE', but is 'Unigram'"),
        ("model", {"dropout": 0.1}, "dropout must be empty, but is 0.1"),
        ("model", {"end_of_word_suffix": "</w>"}, "end_of_word_suffix must be empty"),
        ("model", {"byte_fallback": True}, "byte_fallback must be False"),
        ("model", {"ignore_merges": True}, "ignore_merges must be False"),
        ("model", {"merges": None}, "merges must be a list, but is a NoneType"),
        ("model", {"merges": ["one"]}, "a merge must be of two pieces, but is 'one'"),
        ("model", {"merges": [["a", 3]]}, "a merge must be of two pieces"),
        ("model", {"merges": [["x", "y"]]}, "has not the piece 'xy'"),
        ("model", {"vocab": {"a": 3}}, "ids of its pieces must be 0 to 1"),
        ("pre_tokenizer", {"type": "Metaspace"}, "type must be 'ByteLevel'"),
        ("pre_tokenizer", {"use_regex": False}, "use_regex must be True"),
        ("pre_tokenizer", {"add_prefix_space": 1}, "add_prefix_space must be true or false"),
        ("normalizer", {"type": "NFC"}, "normalizer must be none, but is 'NFC'"),
        ("post_processor", {"cls": ["</s>", 2]}, r"must stand between <s> and </s>"),
    ],
)
def test_a_tokenizer_that_parts_otherwise_is_refused(
    tmp_path: Path, key: str, change: dict[str, Any], says: str
) -> None:
    told = {**TOKENIZER, key: {**(TOKENIZER[key] or {}), **change}}
    with pytest.raises(ValueError, match=says):
        byte_pairs_of(written(tmp_path, tokenizer__json=told))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"vocab__json": IDS}, "a tokenizer.json, or a vocab.json with a merges.txt, is required"),
        ({"vocab__json": [1], "merges__txt": ""}, "vocab.json must hold a table"),
        ({"vocab__json": {"a": "0"}, "merges__txt": ""}, "vocab must be a table from pieces"),
        ({"vocab__json": IDS, "merges__txt": "a b c\n"}, "two pieces, but is 'a b c'"),
        ({"vocab__json": IDS, "merges__txt": "a \n"}, "two pieces, but is 'a '"),
        (
            {"tokenizer__json": TOKENIZER, "sentence_bert_config__json": {"do_lower_case": True}},
            "do_lower_case must be False",
        ),
    ],
)
def test_files_that_are_no_byte_pairs_are_refused(
    tmp_path: Path, files: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        byte_pairs_of(written(tmp_path, **files))


def test_merges_that_are_no_text_are_refused(tmp_path: Path) -> None:
    files = written(tmp_path, vocab__json=IDS, merges__txt="")
    files["merges.txt"].write_bytes(b"\xff\xff")
    with pytest.raises(ValueError, match="is no list of merges: it is not UTF-8"):
        byte_pairs_of(files)


# ---- RoBERTa's layout

SIZES = {
    "model_type": "roberta", "vocab_size": len(PIECES), "hidden_size": 24, "num_hidden_layers": 1,
    "num_attention_heads": 3, "intermediate_size": 16, "max_position_embeddings": 12,
}  # fmt: skip


def test_a_text_has_two_places_fewer_than_the_table(tmp_path: Path) -> None:
    prepare = roberta.preprocess(SIZES, written(tmp_path, tokenizer__json=TOKENIZER))
    assert prepare.longest == 10
    model = roberta.build(SIZES)
    assert model.embeddings.position_ids[0, 0].item() == 2
    ids, is_text = prepare("play " * 20)
    assert ids.shape == (1, 10)
    assert model(ids, is_text).shape == (1, 10, 24)
    with pytest.raises(ValueError, match="Roberta: takes at most 10 pieces"):
        model(ids.repeat(1, 2), is_text.repeat(1, 2))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pad_token_id": 0}, "pad_token_id must be 1, but is 0"),
        ({"max_position_embeddings": 4}, "max_position_embeddings must be above 4"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type must be"),
        ({"architectures": ["RobertaForCausalLM"]}, "'RobertaForCausalLM', whose head is not"),
    ],
)
def test_a_config_that_would_be_computed_otherwise_is_refused(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        roberta.build({**SIZES, **change})
