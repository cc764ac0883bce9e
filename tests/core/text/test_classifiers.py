"""Classifiers of texts and of pieces: their configs, their weights, their tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import weft
from tests.core.text.tiny_bert import PIECES, SIZES
from weft.text.classification import text_classification, token_classification
from weft.text.classifier_architectures import bert_pieces, bert_texts, distilbert_texts

NAMES = {"0": "good", "1": "bad", "2": "neither"}
CONFIG: dict[str, Any] = {"architectures": None, **SIZES, "id2label": NAMES}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return {"vocab.txt": path}


def ready(kind: Any, files: dict[str, Path], **changes: Any) -> Any:
    weft.manual_seed(0)
    config = {**CONFIG, **changes}
    model = kind.build(config).eval()
    model.preprocess = kind.preprocess(config, files)
    model.labels = kind.labels(config)
    task = text_classification if kind is bert_texts else token_classification
    task.attach(model, files)
    return model


# ---- configs


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"id2label": NAMES}, ("good", "bad", "neither")),
        ({}, ("LABEL_0", "LABEL_1")),
        ({"num_labels": 3}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"num_labels": 3, "id2label": NAMES}, ("good", "bad", "neither")),
    ],
)
def test_classes_have_the_names_that_the_config_gives(
    config: dict[str, Any], labels: tuple[str, ...]
) -> None:
    assert bert_texts.labels(config) == labels
    model = bert_texts.build({**SIZES, **config})
    assert model.classifier.out_features == len(labels)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id2label": ["good"]}, "id2label must be a table of names by numbers"),
        ({"id2label": {}}, "id2label must be a table"),
        ({"id2label": {"1": "good"}}, "each number from 0 to 0, but names 0 None"),
        ({"id2label": {"0": "good", "2": "bad"}}, "from 0 to 1, but names 1 None"),
        ({"id2label": {"0": 7}}, "names 0 7"),
        ({"num_labels": 2}, "num_labels is 2, but id2label names 3"),
        ({"num_labels": 0, "id2label": None}, "num_labels must be from 1 to 100000, but is 0"),
        ({"num_labels": True}, "num_labels must be from 1"),
        ({"num_labels": 10**9, "id2label": None}, "num_labels must be from 1"),
        ({"problem_type": "ranking"}, "problem_type must be one of single_label_classification, "),
        ({"problem_type": ["regression"]}, "problem_type must be one of"),
        ({"architectures": ["BertForNextSentencePrediction"]}, "must be BertForSequenceClass"),
        ({"is_decoder": True}, "is_decoder must be False"),
        ({"hidden_act": "silu"}, "hidden_act must be one of"),
    ],
)
def test_a_config_that_describes_no_classifier_is_refused(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        bert_texts.build({**CONFIG, **change})


@pytest.mark.parametrize(
    ("change", "scores"),
    [
        ({}, "softmax"),
        ({"problem_type": "single_label_classification"}, "softmax"),
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"problem_type": "regression"}, "none"),
        ({"id2label": {"0": "hot"}}, "sigmoid"),
        ({"id2label": {"0": "hot"}, "problem_type": "regression"}, "none"),
    ],
)
def test_scores_are_read_as_the_kind_of_problem_says(change: dict[str, Any], scores: str) -> None:
    assert bert_texts.build({**CONFIG, **change}).scores == scores


# ---- weights


def test_a_classifier_without_its_last_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no weights of classifier"):
        bert_texts.state({"bert.pooler.dense.weight": weft.zeros(24, 24)}, CONFIG)
    head = {f"classifier.{kind}": weft.zeros(3) for kind in ("weight", "bias")}
    with pytest.raises(ValueError, match=r"there are no weights of bert\.pooler\.dense"):
        bert_texts.state(head, CONFIG)  # an encoder without one has zeros, which would be wrong
    with pytest.raises(ValueError, match="there are no weights of pre_classifier"):
        distilbert_texts.state(head, CONFIG)
    assert "encoder.pooler.dense.weight" in bert_pieces.state(head, CONFIG)


# ---- tasks


def test_texts_get_their_classes_the_likeliest_first(files: dict[str, Path]) -> None:
    model = ready(bert_texts, files)
    texts = ["a man plays", "rain ."]
    result = text_classification.run(model, texts)
    assert json.loads(json.dumps(result)) == result
    assert result["sentences"] == texts
    for text, found in zip(texts, result["predictions"], strict=True):
        with weft.no_grad():
            expected = model(*model.preprocess(text))[0].softmax(dim=-1).tolist()
        assert [one["label"] for one in found] == [
            NAMES[str(at)] for at in sorted(range(3), key=lambda at: -expected[at])
        ]
        assert sum(one["score"] for one in found) == pytest.approx(1)
        assert [one["score"] for one in found] == pytest.approx(sorted(expected, reverse=True))
    assert len(text_classification.run(model, texts, top=1)["predictions"][0]) == 1
    assert len(text_classification.text(result).splitlines()) == 2
    assert len(text_classification.figures(result)) == 6


def test_several_classes_of_one_text_are_each_a_probability(files: dict[str, Path]) -> None:
    model = ready(bert_texts, files, problem_type="multi_label_classification")
    found = text_classification.run(model, "rain")["predictions"][0]
    with weft.no_grad():
        scores = weft.sigmoid(model(*model.preprocess("rain")))[0].tolist()
    assert [one["score"] for one in found] == pytest.approx(sorted(scores, reverse=True))


def test_pieces_get_a_class_each_without_the_marks(files: dict[str, Path]) -> None:
    model = ready(bert_pieces, files)
    result = token_classification.run(model, ["a man plays", "rain"])
    assert json.loads(json.dumps(result)) == result
    named = [[one["piece"] for one in row] for row in result["pieces"]]
    assert named[0][:2] == ["a", "man"] and "".join(named[1]).startswith("rain")
    with weft.no_grad():
        scores = model(*model.preprocess("a man plays"))[0].softmax(dim=-1)
    one = result["pieces"][0][1]
    assert one["index"] == int(scores[2].argmax().item())
    assert one["score"] == pytest.approx(float(scores[2].max().item()), abs=1e-6)
    assert one["label"] == NAMES[str(one["index"])]
    assert len(token_classification.text(result).splitlines()) == 2


@pytest.mark.parametrize("task", [text_classification, token_classification])
def test_what_is_asked_wrongly_is_refused(task: Any, files: dict[str, Path]) -> None:
    model = ready(bert_texts if task is text_classification else bert_pieces, files)
    with pytest.raises(ValueError, match=f"{task.name}: needs at least one sentence"):
        task.run(model, [])
    with pytest.raises(ValueError, match="no label set is named 'x'"):
        task.labels("x")
    with pytest.raises(ValueError, match="load the model from its repository"):
        task.preprocess({})
    model.labels = ("one",)
    with pytest.raises(ValueError, match="the model scores 3 classes but has 1 labels"):
        task.run(model, "rain")
    files["vocab.txt"].write_text("\n".join(PIECES[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match="11 pieces, but the model has vectors for 12"):
        task.attach(model, files)


@pytest.mark.parametrize("top", [0, True, 1.5])
def test_top_must_be_a_count(top: Any, files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="top must be an integer >= 1"):
        text_classification.run(ready(bert_texts, files), "rain", top=top)
