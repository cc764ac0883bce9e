"""The small files beside a published sentence encoder: its tokenizer, its length, its prompt.

Two generations are read: what transformers and sentence-transformers write from version 5 on
(`tokenizer.json`) and what most published repositories were written with (`vocab.txt`). What would
be computed otherwise here is a ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .byte_pairs import BytePairs
from .wordpiece import MARKS, WordPiece

POOLING = "1_Pooling/config.json"
PROMPTS = "config_sentence_transformers.json"
SENTENCES = "sentence_bert_config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
VOCABULARY = "vocab.txt"
PLACES, MERGES = "vocab.json", "merges.txt"
PAIRS = (PLACES, MERGES)
TOKENS = (VOCABULARY, TOKENIZER, TOKENIZER_CONFIG)
ALL = (*TOKENS, SENTENCES, PROMPTS)

Files = Mapping[str, Path]


def prompt_of(files: Files) -> str:
    """Return what stands before each sentence unless another prompt is asked for.

    Raises:
        ValueError: it is no text, or the pooling leaves it out.
    """
    told = table(files, PROMPTS)
    name, prompts = told.get("default_prompt_name"), told.get("prompts")
    if name is None:
        return ""
    prompt = None
    if isinstance(prompts, Mapping) and isinstance(name, str):
        prompt = prompts.get(name)
    if not isinstance(prompt, str):
        raise ValueError(f"{PROMPTS}: there is no prompt of the name {name!r}")
    if prompt and table(files, POOLING).get("include_prompt") is False:
        raise ValueError(f"{POOLING}: a prompt that is left out of the pooling is not known here")
    return prompt


def longest_of(files: Files, positions: int) -> int:
    """Return how many pieces a sentence may have, marks included.

    Raises:
        ValueError: `max_seq_length` or `model_max_length` is none.
    """
    for file, key in ((SENTENCES, "max_seq_length"), (TOKENIZER_CONFIG, "model_max_length")):
        told = table(files, file).get(key)
        if told is None:
            continue
        if isinstance(told, bool) or not isinstance(told, int) or told < 3:
            raise ValueError(f"{file}: {key} must be an integer >= 3, but is {told!r}")
        return min(told, positions)
    return positions


def tokenizer_of(files: Files) -> tuple[str, WordPiece]:
    """Return the file that has the vocabulary, and the tokenizer.

    Raises:
        ValueError: there is none, or it is none of BERT's.
    """
    if TOKENIZER in files:
        told = table(files, TOKENIZER)
        return TOKENIZER, _by_json(told, table(files, SENTENCES), marks_of(files))
    if VOCABULARY not in files:
        raise ValueError(
            f"a {TOKENIZER} or a {VOCABULARY} with the pieces of the vocabulary is required"
        )
    told = table(files, TOKENIZER_CONFIG)
    require(told, TOKENIZER_CONFIG, tokenize_chinese_chars=True)
    said = (told.get("do_lower_case", True), told.get("strip_accents"))
    cases = _cases(*said, table(files, SENTENCES))
    return VOCABULARY, WordPiece.from_file(files[VOCABULARY], **cases, marks=marks_of(files))


def marks_of(files: Files, usual: tuple[str, str, str, str] = MARKS) -> tuple[str, str, str, str]:
    """Return the marks that `tokenizer_config.json` names, or else the usual ones."""
    told = table(files, TOKENIZER_CONFIG)
    found = []
    for key, otherwise in zip(("pad", "unk", "cls", "sep"), usual, strict=True):
        mark = told.get(f"{key}_token", otherwise)
        if isinstance(mark, Mapping):
            mark = mark.get("content")
        if not isinstance(mark, str):
            raise ValueError(f"{TOKENIZER_CONFIG}: {key}_token must be text, but is {mark!r}")
        found.append(mark)
    pad, unknown, first, last = found
    return pad, unknown, first, last


def read_tokenizer(
    name: str, files: Files, before: WordPiece | BytePairs | None
) -> WordPiece | BytePairs:
    """Return the tokenizer of the file `name`; capitals and accents are kept if `before` does.

    Raises:
        ValueError: it is none that is known here.
    """
    if isinstance(before, BytePairs):
        return before
    if name == TOKENIZER:
        return tokenizer_of(files)[1]
    if before is None:
        return WordPiece.from_file(files[name])
    return WordPiece.from_file(
        files[name],
        lowercase=before.lowercase,
        strip_accents=before.strip_accents,
        marks=before.marks,
    )


def _by_json(
    told: Mapping[str, Any], sentences: Mapping[str, Any], marks: tuple[str, str, str, str]
) -> WordPiece:
    """Return what a `tokenizer.json` of the library tokenizers describes."""
    model, normalizer, before = parts_of(told)
    require(
        model, f"{TOKENIZER}: model", type="WordPiece", unk_token=marks[1],
        continuing_subword_prefix="##", max_input_chars_per_word=100,
    )  # fmt: skip
    require(
        normalizer, f"{TOKENIZER}: normalizer", type="BertNormalizer", clean_text=True,
        handle_chinese_chars=True,
    )  # fmt: skip
    require(before, f"{TOKENIZER}: pre_tokenizer", type="BertPreTokenizer")
    pieces = pieces_of(told, model)
    cases = (normalizer.get("lowercase", True), normalizer.get("strip_accents"))
    check_ends(told.get("post_processor"), marks)
    return WordPiece(pieces, **_cases(*cases, sentences), marks=marks)


def parts_of(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the model, the normalizer and the pre_tokenizer of a `tokenizer.json`.

    Raises:
        ValueError: one of them is no table.
    """
    parts = {key: told.get(key) or {} for key in ("model", "normalizer", "pre_tokenizer")}
    for key, part in parts.items():
        if not isinstance(part, Mapping):
            raise ValueError(f"{TOKENIZER}: {key} must be a table, but is {part!r}")
    return list(parts.values())


def pieces_of(
    told: Mapping[str, Any], model: Mapping[str, Any], name: str = TOKENIZER
) -> list[str]:
    """Return the pieces of a `tokenizer.json`, or of the table `name`, in order of their ids.

    Raises:
        ValueError: it has words that are parted otherwise, or its ids are not those of a list.
    """
    places = model.get("vocab")
    if not isinstance(places, Mapping) or not all(type(at) is int for at in places.values()):
        raise ValueError(f"{name}: vocab must be a table from pieces to numbers")
    places, more = dict(places), told.get("added_tokens") or []
    if not isinstance(more, list) or not all(isinstance(one, Mapping) for one in more):
        raise ValueError(f"{name}: added_tokens must be a list of tables")
    for added in more:
        if added.get("special") is not True:
            raise ValueError(f"{name}: the added word {added.get('content')!r} is not known")
        piece, at = added.get("content"), added.get("id")
        if not isinstance(piece, str) or type(at) is not int:
            raise ValueError(
                f"{name}: an added word must have content and id, but is {added!r:.80}"
            )
        places.setdefault(piece, at)
    pieces = sorted(places, key=places.__getitem__)
    if [places[piece] for piece in pieces] != list(range(len(pieces))):
        raise ValueError(f"{name}: the ids of its pieces must be 0 to {len(pieces) - 1}")
    return pieces


def check_ends(told: Any, marks: tuple[str, str, str, str]) -> None:
    """Refuse a tokenizer that puts other marks around a text than its config names."""
    ends: list[object] = []
    if isinstance(told, Mapping):
        if told.get("type") == "TemplateProcessing" and isinstance(told.get("single"), list):
            ends = [_end(part) for part in told["single"]]
        elif told.get("type") in ("BertProcessing", "RobertaProcessing"):
            first, last = (told.get(key) for key in ("cls", "sep"))
            if isinstance(first, list) and isinstance(last, list):
                ends = [*first[:1], "A text", *last[:1]]
    if ends != [marks[2], "A text", marks[3]]:
        raise ValueError(
            f"{TOKENIZER}: a text must stand between {marks[2]} and {marks[3]}, but the "
            f"post_processor is {told!r:.80}"
        )


def _end(part: Any) -> object:
    """Return the mark that a part of a template puts, or what stands for the text in it."""
    mark = part.get("SpecialToken") if isinstance(part, Mapping) else None
    if mark is None:
        return "A text"
    return mark.get("id") if isinstance(mark, Mapping) else mark


def _cases(lowercase: Any, strip: Any, sentences: Mapping[str, Any]) -> dict[str, bool]:
    """Return what happens to capitals and accents; None stands for "as the capitals"."""
    for name, value in (("lower-casing", lowercase), ("strip_accents", strip)):
        if value not in (True, False, None):
            raise ValueError(f"its tokenizer's {name} must be true or false, but is {value!r}")
    strip = bool(lowercase) if strip is None else bool(strip)
    return {
        "lowercase": bool(lowercase) or sentences.get("do_lower_case") is True,
        "strip_accents": strip,
    }


def require(told: Mapping[str, Any], what: str, **wanted: Any) -> None:
    for key, value in wanted.items():
        if told.get(key, value) != value or (key == "type" and key not in told):
            raise ValueError(f"{what}: {key} must be {value!r}, but is {told.get(key)!r}")


def table(files: Files, name: str) -> dict[str, Any]:
    """Return the table in a file; an empty one where the repository has no such file.

    Raises:
        ValueError: it holds something else.
    """
    if name not in files:
        return {}
    data = read_json(files, name)
    if not isinstance(data, dict):
        raise ValueError(f"{name} must hold a table, but holds a {type(data).__name__}")
    return data


def read_json(files: Files, name: str) -> Any:
    """Return what a file holds.

    Raises:
        ValueError: it is no JSON, or is nested deeper than Python reads.
    """
    try:
        return json.loads(files[name].read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from error
