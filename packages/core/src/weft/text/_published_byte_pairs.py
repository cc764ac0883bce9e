"""The tokenizer of RoBERTa's family as it is published: `tokenizer.json`, or two files before it.

`vocab.json` has the place of each piece, and `merges.txt` a pair of pieces a line after its first
line, which names a version. What would be parted otherwise here is a ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._published_files import (
    MERGES,
    PLACES,
    SENTENCES,
    TOKENIZER,
    TOKENIZER_CONFIG,
    Files,
    check_ends,
    marks_of,
    parts_of,
    pieces_of,
    require,
    table,
)
from .byte_pairs import MARKS, BytePairs


def byte_pairs_of(files: Files) -> tuple[str, BytePairs]:
    """Return the file that has the vocabulary, and the tokenizer.

    Raises:
        ValueError: there is none, or it is none of byte pairs.
    """
    if table(files, SENTENCES).get("do_lower_case") is True:
        raise ValueError(f"{SENTENCES}: do_lower_case must be False for a vocabulary with capitals")
    marks = marks_of(files, MARKS)
    if TOKENIZER in files:
        return TOKENIZER, _by_json(table(files, TOKENIZER), marks)
    if not {PLACES, MERGES} <= files.keys():
        raise ValueError(f"a {TOKENIZER}, or a {PLACES} with a {MERGES}, is required")
    told = table(files, TOKENIZER_CONFIG)
    pieces = pieces_of({}, {"vocab": table(files, PLACES)}, PLACES)
    try:
        lines = files[MERGES].read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{MERGES} is no list of merges: it is not UTF-8 ({error})") from error
    lines = lines[1:] if lines[0].startswith("#version") else lines
    merges = [_pair(line.rstrip("\r"), MERGES) for line in lines if line.strip("\r")]
    return PLACES, BytePairs(pieces, merges, marks=marks, spaced=_spaced(told, TOKENIZER_CONFIG))


def _by_json(told: Mapping[str, Any], marks: tuple[str, str, str, str]) -> BytePairs:
    """Return what a `tokenizer.json` of the library tokenizers describes."""
    model, normalizer, before = parts_of(told)
    require(model, f"{TOKENIZER}: model", type="BPE", byte_fallback=False, ignore_merges=False)
    for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise ValueError(f"{TOKENIZER}: model: {key} must be empty, but is {model[key]!r}")
    if normalizer:
        raise ValueError(f"{TOKENIZER}: normalizer must be none, but is {normalizer.get('type')!r}")
    require(before, f"{TOKENIZER}: pre_tokenizer", type="ByteLevel", use_regex=True)
    listed = model.get("merges")
    if not isinstance(listed, list):
        raise ValueError(f"{TOKENIZER}: merges must be a list, but is a {type(listed).__name__}")
    merges = [_pair(one, TOKENIZER) for one in listed]
    pieces = pieces_of(told, model)
    check_ends(told.get("post_processor"), marks)
    spaced = _spaced(before, f"{TOKENIZER}: pre_tokenizer")
    return BytePairs(pieces, merges, marks=marks, spaced=spaced)


def _spaced(told: Mapping[str, Any], what: str) -> bool:
    spaced = told.get("add_prefix_space", False)
    if type(spaced) is not bool:
        raise ValueError(f"{what}: add_prefix_space must be true or false, but is {spaced!r}")
    return spaced


def _pair(told: object, name: str) -> tuple[str, str]:
    """Return the two pieces of a merge, a list of both or a text with a space between."""
    parts = told.split(" ") if isinstance(told, str) else told
    if not isinstance(parts, list) or len(parts) != 2:
        raise ValueError(f"{name}: a merge must be of two pieces, but is {told!r:.80}")
    left, right = parts
    if not isinstance(left, str) or not isinstance(right, str) or not left or not right:
        raise ValueError(f"{name}: a merge must be of two pieces, but is {told!r:.80}")
    return left, right
