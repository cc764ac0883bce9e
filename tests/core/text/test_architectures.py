"""BERT's published layout: names, what is filled in, and what is refused since it differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import weft
from tests.core.text.tiny_bert import PIECES, SIZES
from weft.text.architectures import bert

CONFIG = {"model_type": "bert", **SIZES}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return {"vocab.txt": path}


def beside(files: dict[str, Path], name: str, data: object) -> dict[str, Path]:
    path = files["vocab.txt"].with_name(name.replace("/", "-"))
    path.write_text(json.dumps(data), encoding="utf-8")
    return {**files, name: path}


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_published_names_fill_the_encoder(prefix: str) -> None:
    weft.manual_seed(0)
    first = bert.build(CONFIG)
    published = {
        f"{prefix}{name}": value
        for name, value in first.state_dict().items()
        if "pooler" not in name and "position_ids" not in name
    }
    published["cls.predictions.bias"] = weft.zeros(len(PIECES))
    second = bert.build(CONFIG)
    second.load_state_dict(bert.state(published, CONFIG), strict=True)
    ids = weft.tensor([[2, 4, 5, 3]])
    with weft.no_grad():
        assert weft.equal(first.eval()(ids, ids != 0), second.eval()(ids, ids != 0))


def test_the_first_names_of_the_normalisation_are_understood() -> None:
    tensors = {"embeddings.LayerNorm.gamma": weft.ones(24), "a.LayerNorm.beta": weft.zeros(24)}
    names = bert.state(tensors, CONFIG)
    assert {"embeddings.LayerNorm.weight", "a.LayerNorm.bias"} < names.keys()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hidden_act": "silu"}, "hidden_act must be one of gelu, relu, .* but is 'silu'"),
        ({"hidden_act": 1}, "hidden_act must be a name, but is 1"),
        ({"architectures": ["BertLMHeadModel"]}, "'BertLMHeadModel', whose head is not built"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type must be"),
        ({"is_decoder": True}, "is_decoder must be False"),
        ({"hidden_size": "wide"}, "hidden_size must be a number above 0, but is 'wide'"),
        ({"hidden_size": True}, "hidden_size must be"),
        ({"vocab_size": 0}, "vocab_size must be"),
        ({"num_hidden_layers": 1001}, "above 1000"),
        ({"num_attention_heads": 5}, "divisible"),
    ],
)
def test_a_config_that_this_encoder_would_compute_otherwise_is_refused(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        bert.build({**CONFIG, **change})


def test_sentences_become_ids_as_long_as_the_repository_says(files: dict[str, Path]) -> None:
    prepare = bert.preprocess(
        CONFIG, beside(files, "sentence_bert_config.json", {"max_seq_length": 4})
    )
    ids, is_text = prepare("a man plays the guitar")
    assert ids.tolist() == [[2, 4, 5, 3]]
    assert is_text.tolist() == [[True] * 4]
    assert bert.preprocess(CONFIG, files).longest == 16  # never more than there are positions


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("tokenizer_config.json", {"do_lower_case": "no"}, "lower-casing must be true or false"),
        ("tokenizer_config.json", {"tokenize_chinese_chars": False}, "tokenize_chinese_chars must"),
        ("tokenizer_config.json", {"model_max_length": 2}, "model_max_length must be"),
        ("tokenizer.json", {"model": {"type": "BPE"}}, "type must be 'WordPiece', but is 'BPE'"),
        ("tokenizer_config.json", [], "must hold a table"),
        ("1_Pooling/config.json", {"pooling_mode_sum": True}, "pooling_mode_sum is not known"),
        ("1_Pooling/config.json", {"pooling_mode": "sum"}, "a mode must be one of cls, "),
        ("1_Pooling/config.json", {"pooling_mode": []}, "at least one mode"),
        ("modules.json", {}, "must hold a list"),
        ("modules.json", [{"type": "a.CNN", "path": "2_CNN"}], "names the module 'a.CNN'"),
        (
            "modules.json",
            [{"type": "a.Transformer", "path": "0_T"}, {"type": "a.Pooling", "path": "1_Pooling"}],
            "must be in",
        ),
        ("modules.json", [{"type": "a.Pooling", "path": "1_Pooling"}], "must name Transformer"),
        ("config_sentence_transformers.json", {"default_prompt_name": "q"}, "no prompt of the"),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, "max_seq_length must be"),
    ],
)
def test_a_tokenizer_or_pooling_that_differs_is_refused(
    files: dict[str, Path], name: str, data: object, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        bert.preprocess(CONFIG, beside(files, name, data))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", '{"a": ' * 50_000])
@pytest.mark.parametrize("name", ["modules.json", "tokenizer.json", "sentence_bert_config.json"])
def test_a_file_that_is_no_json_is_named(files: dict[str, Path], name: str, text: str) -> None:
    damaged = beside(files, name, {})
    damaged[name].write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"^{name} is not JSON: "):
        bert.preprocess(CONFIG, damaged)


def test_without_a_vocabulary_there_is_no_preprocessing() -> None:
    with pytest.raises(ValueError, match=r"vocab\.txt"):
        bert.preprocess(CONFIG, {})


# ---- what newer libraries write

TOKENIZER = {
    "added_tokens": [{"content": "[PAD]", "id": 0, "special": True}],
    "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
    "model": {"type": "WordPiece", "vocab": {piece: at for at, piece in enumerate(PIECES)}},
}


def test_a_tokenizer_file_gives_the_vocabulary(files: dict[str, Path]) -> None:
    found = beside(files, "tokenizer.json", TOKENIZER)
    del found["vocab.txt"]
    prepare = bert.preprocess(CONFIG, found)
    assert prepare("A man.")[0].tolist() == [[2, 4, 5, 10, 3]]
    assert prepare.vocabulary == "tokenizer.json"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("normalizer", {"type": "NFC"}, "normalizer: type must be 'BertNormalizer'"),
        ("normalizer", {"type": "BertNormalizer", "clean_text": False}, "clean_text must be True"),
        ("normalizer", [1], "normalizer must be a table"),
        ("pre_tokenizer", None, "type must be 'BertPreTokenizer', but is None"),
        ("model", {"type": "WordPiece", "vocab": {"[PAD]": 5}}, "ids of its pieces must be 0 to"),
        ("model", {"type": "WordPiece", "vocab": ["[PAD]"]}, "vocab must be a table"),
        ("model", {"type": "WordPiece", "vocab": {"[PAD]": "0"}}, "vocab must be a table"),
        ("added_tokens", [{"content": "Weft", "id": 12}], "the added word 'Weft'"),
        ("added_tokens", ["Weft"], "added_tokens must be"),
        ("added_tokens", 7, "added_tokens must be"),
        ("added_tokens", [{"id": 0, "special": True}], "an added word must have content and id"),
        ("post_processor", {"type": "TemplateProcessing", "single": [1, {}]}, "must stand"),
        (
            "post_processor",
            {"type": "TemplateProcessing", "single": [{"SpecialToken": [1]}, {}, {}]},
            "must stand between",
        ),
        ("post_processor", {"type": "BertProcessing", "cls": [], "sep": 7}, "must stand between"),
        ("post_processor", {"type": "BertProcessing"}, "must stand between"),
        ("post_processor", None, r"must stand between \[CLS\] and \[SEP\]"),
        ("post_processor", {"type": "TemplateProcessing", "single": []}, "must stand between"),
    ],
)
def test_a_tokenizer_that_is_none_of_berts_is_refused(
    files: dict[str, Path], key: str, value: object, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        bert.preprocess(CONFIG, beside(files, "tokenizer.json", {**TOKENIZER, key: value}))
