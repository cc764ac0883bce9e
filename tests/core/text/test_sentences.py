"""The encoder without pretrained weights, and the task that makes vectors of sentences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import weft
from tests.core.text.tiny_bert import PIECES, SIZES
from weft.text import Bert, BertConfig, WordPiece, bert, mean_embedding
from weft.text.tasks import read_sentences, sentence_embedding


@pytest.fixture
def model(tmp_path: Path) -> Bert:
    weft.manual_seed(0)
    found = bert(**SIZES)
    found.preprocess = sentence_embedding.preprocess({"longest": 10})
    path = tmp_path / "a-blob"
    path.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    sentence_embedding.attach(found, {"vocab.txt": path})
    return found


def test_what_a_row_is_filled_up_with_changes_nothing(model: Bert) -> None:
    ids = weft.tensor([[2, 4, 5, 3]])
    filled = weft.tensor([[2, 4, 5, 3, 0, 0, 7]])
    with weft.no_grad():
        short = mean_embedding(model, ids, ids != 0)
        long = mean_embedding(model, filled, weft.tensor([[True] * 4 + [False] * 3]))
    np.testing.assert_allclose(long.numpy(), short.numpy(), atol=1e-6)
    assert float((short * short).sum().item()) == pytest.approx(1)


def test_more_pieces_than_positions_are_refused(model: Bert) -> None:
    ids = weft.ones(1, 17, dtype=weft.int64)
    with pytest.raises(ValueError, match=r"at most 16 pieces, got ids of shape \(1, 17\)"):
        model(ids, ids != 0)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="divisible by num_attention_heads, got 24 and 5"):
        bert(**{**SIZES, "num_attention_heads": 5})
    with pytest.raises(TypeError, match="hiden_size"):
        bert(hiden_size=3)


def test_another_activation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**SIZES, "hidden_act": "silu"}))
    with pytest.raises(ValueError, match=r"hidden_act must be one of gelu, .*, but is 'silu'"):
        BertConfig.from_file(path)


def test_sentences_become_vectors_of_length_one(model: Bert) -> None:
    result = sentence_embedding.run(model, ["a man plays", "rain.", "a man plays"])
    assert json.loads(json.dumps(result)) == result
    assert (result["task"], result["dimensions"]) == ("sentence-embedding", 24)
    vectors = np.array(result["embeddings"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    figures = sentence_embedding.figures(result)
    assert sorted(figures) == [
        "cosine of lines 1 and 2", "cosine of lines 1 and 3", "cosine of lines 2 and 3"
    ]  # fmt: skip
    assert figures["cosine of lines 1 and 3"] == pytest.approx(1)


def test_batches_do_not_change_vectors(model: Bert) -> None:
    sentences = [f"{'a ' * (i % 7)}guitar" for i in range(70)]
    together = np.array(sentence_embedding.run(model, sentences)["embeddings"])
    alone = np.array([sentence_embedding.run(model, s)["embeddings"][0] for s in sentences[-8:]])
    np.testing.assert_allclose(together[-8:], alone, atol=1e-6)


def test_a_file_has_a_sentence_in_each_line(model: Bert, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffa man plays\r\n\r\n  rain.\n".encode())
    result = sentence_embedding.run(model, path)
    assert result["sentences"] == ["a man plays", "rain."]
    assert sentence_embedding.run(model, path.read_bytes()) == result


def test_text_shows_cosines_or_the_nearest(model: Bert) -> None:
    lines = sentence_embedding.text(sentence_embedding.run(model, ["a man", "rain"])).splitlines()
    assert lines[0].startswith(" 1.000  ") and lines[0].endswith("  a man")
    many = ["rain", *["a man plays the guitar" + " s" * i for i in range(12)], "rain"]
    lines = sentence_embedding.text(sentence_embedding.run(model, many)).splitlines()
    assert len(lines) == 14
    assert lines[0] == " 1.000  rain  |  rain"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ([], "at least one sentence"),
        (b"\n \n", "has no sentence"),
        (b"\xff\xfe", "UTF-8, but byte 0"),
    ],
)
def test_what_is_no_text_is_refused(source: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_sentences(source)  # type: ignore[arg-type]  # an empty list is what is tested


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_sentences(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"longst": 3}, "'longst'; did you mean 'longest'"),
        ({"longest": 2}, "longest must be an integer >= 3, got 2"),
        ({"longest": True}, "longest must be an integer >= 3, got True"),
        ({"vocabulary": 3}, "vocabulary must name a file, got 3"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sentence_embedding.preprocess(settings)


def test_a_model_without_its_vocabulary_says_so() -> None:
    with pytest.raises(ValueError, match="there is no vocabulary yet"):
        sentence_embedding.preprocess({})("a sentence")
    with pytest.raises(ValueError, match="no label set is named 'x'"):
        sentence_embedding.labels("x")


def test_a_vocabulary_of_another_model_is_refused(model: Bert, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES[:-1]))
    with pytest.raises(ValueError, match="has 11 pieces, but the model has vectors for 12"):
        sentence_embedding.attach(model, {"vocab.txt": path})
    with pytest.raises(ValueError, match=r"'vocab.txt' is none of the files model.safetensors"):
        sentence_embedding.attach(model, {"model.safetensors": path})
    path.write_bytes(b"\xff\xff")
    with pytest.raises(ValueError, match="is no vocabulary: it is not UTF-8"):
        WordPiece.from_file(path)


def test_the_entry_points_lead_here(repository: Path) -> None:
    import tomllib

    project = tomllib.loads((repository / "packages/core/pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {
        "weft.architectures": {
            **{
                f"{kind}For{what}Classification": f"weft.text.classifier_architectures:{name}"
                for kind, what, name in [
                    ("Bert", "Sequence", "bert_texts"),
                    ("Bert", "Token", "bert_pieces"),
                    ("DistilBert", "Sequence", "distilbert_texts"),
                    ("DistilBert", "Token", "distilbert_pieces"),
                    ("Roberta", "Sequence", "roberta_texts"),
                    ("Roberta", "Token", "roberta_pieces"),
                ]
            },
            "bert": "weft.text.architectures:bert",
            "distilbert": "weft.text.architectures:distilbert",
            "mpnet": "weft.text.architectures:mpnet",
            "roberta": "weft.text.architectures:roberta",
        },
        "weft.models": {"bert": "weft.text:bert"},
        "weft.tasks": {
            "sentence-embedding": "weft.text.tasks:sentence_embedding",
            "text-classification": "weft.text.classification:text_classification",
            "token-classification": "weft.text.classification:token_classification",
        },
    }
