"""`hf:` repositories that the real libraries wrote: loaded here, they answer as there.

timm, transformers and sentence-transformers write random models into a folder in a process of their
own (`tests.parity.published`), with what they answer; a loopback server gives the folders out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import weft
import weft_hub
from hub.attacks.stage import sha256, toml
from tests.hub.repository.repository_server import Repositories, serving
from tests.hub.repository.sentences import files_of
from weft_hub.serve import Mirror

ROOT = Path(__file__).parents[2]
# A folder with timm, torchvision and sentence-transformers, which other tests must not see.
LIBRARIES = os.environ.get("WEFT_PARITY_LIBRARIES")
TOLERANCE = 1e-5  # of the greatest value; float32 sums in another order

TEXTS = [
    "bert", "bert-before-5", "bert-without-pooler", "bert-masked", "bert-pretraining",
    "bert-sharded", "bert-bf16", "bert-f16-sharded", "bert-other-sizes", "bert-tanh-gelu",
    "bert-relu", "bert-cased", "bert-cased-before-5", "distilbert", "distilbert-masked",
    "mpnet", "mpnet-masked-before-5", "mpnet-far",
    "roberta", "roberta-before-5", "roberta-masked", "roberta-spaced", "roberta-spaced-before-5",
]  # fmt: skip
CLASSIFIERS = [
    "bert-texts", "bert-texts-two", "bert-texts-many", "bert-texts-regression", "bert-texts-one",
    "bert-pieces", "distilbert-texts", "distilbert-pieces", "roberta-texts", "roberta-texts-bf16",
    "roberta-pieces",
]  # fmt: skip
SENTENCES = [
    "sentences-mean", "sentences-cls", "sentences-max", "sentences-sqrt", "sentences-weighted",
    "sentences-last", "sentences-two", "sentences-short", "sentences-prompt",
    "sentences-before-5", "sentences-cls-before-5", "sentences-distilbert",
    "sentences-mpnet", "sentences-dense", "sentences-dense-twice", "sentences-dense-residual",
    "sentences-roberta",
]  # fmt: skip
PICTURES = [
    "timm-mobilenetv2_035", "timm-mobilenetv2_050", "timm-mobilenetv2_075", "timm-mobilenetv2_100",
    "timm-mobilenetv2_140", "timm-tf_efficientnet_lite0",
    "transformers-mobilenet", "transformers-mobilenet-narrow", "transformers-mobilenet-wide",
    "transformers-mobilenet-symmetric", "transformers-mobilenet-two",
    "transformers-mobilenet-sides",
]  # fmt: skip
REFUSED = {
    "bert-choice": "'BertForMultipleChoice', whose head is not built",
    "roberta-padded-elsewhere": "pad_token_id must be 1, but is 0",
    "sentences-dense-leaky": "activation_function must be one of torch's Tanh, ",
    "timm-mobilenetv2_110d": "no installed package knows the architecture 'mobilenetv2_110d'",
    "timm-tf_efficientnet_lite2": "knows the architecture 'tf_efficientnet_lite2'",
    "timm-efficientnet_lite0": "knows the architecture 'efficientnet_lite0'",
    "timm-grey": "in_chans must be 3, but is 1",
    "timm-max": "global_pool must be 'avg', but is 'max'",
    "timm-headless": "num_classes must be an integer from 1",
    "transformers-mobilenet-stride": "output_stride must be 32, but is 16",
    "transformers-mobilenet-body": "knows the architecture 'MobileNetV2Model', 'mobilenet_v2'",
    "transformers-mobilenet-thin-end": "finegrained_output must be True, but is False",
    "transformers-mobilenet-uncropped": "do_center_crop must be True, but is False",
}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all repositories, written once for all processes of a run."""
    if LIBRARIES is None and importlib.util.find_spec("timm") is None:
        pytest.skip("WEFT_PARITY_LIBRARIES names no folder with timm; `nox -s parity` makes one")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "published"
    with FileLock(shared / "published.lock"):
        if not (folder / "written.json").exists():
            write(folder)
    return folder


def write(folder: Path) -> None:
    paths = [path for path in (LIBRARIES, str(ROOT)) if path]
    found = subprocess.run(
        [sys.executable, "-m", "tests.parity.published", str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Repositories]:
    with serving() as repositories:
        monkeypatch.setenv("HF_ENDPOINT", repositories.url)
        monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
        monkeypatch.setenv("WEFT_HUB_CACHE", str(tmp_path / "cache"))
        yield repositories


def loaded(server: Repositories, folder: Path) -> tuple[Any, dict[str, np.ndarray]]:
    sha = server.commit("lab/model", files_of(folder / "repository"))
    model = weft_hub.load(f"hf:lab/model@{sha}")
    with np.load(folder / "expected.npz") as expected:
        return model, dict(expected)


def near(got: weft.Tensor, expected: np.ndarray) -> None:
    most = float(np.abs(expected).max())
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=TOLERANCE * max(most, 1.0))


def test_every_repository_that_is_written_is_compared(written: Path) -> None:
    names = json.loads((written / "written.json").read_text("utf-8"))
    assert sorted([*TEXTS, *CLASSIFIERS, *SENTENCES, *PICTURES, *REFUSED]) == names


@pytest.mark.parametrize("name", TEXTS)
def test_each_piece_of_a_text_gets_the_vector_of_transformers(
    name: str, written: Path, server: Repositories
) -> None:
    model, expected = loaded(server, written / name)
    ids, is_text = model.preprocess(expected["sentences"].tolist())
    assert ids.tolist() == expected["ids"].tolist()
    assert is_text.tolist() == expected["is_text"].tolist()
    with weft.no_grad():
        hidden = model(ids, is_text).numpy()
    keep = expected["is_text"]
    near(weft.tensor(hidden[keep]), expected["hidden"][keep])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_texts_and_pieces_get_the_scores_of_transformers(
    name: str, written: Path, server: Repositories
) -> None:
    model, expected = loaded(server, written / name)
    ids, is_text = model.preprocess(expected["sentences"].tolist())
    assert ids.tolist() == expected["ids"].tolist()
    with weft.no_grad():
        scores = model(ids, is_text).numpy()
    # A text's are all compared, a piece's where there is one.
    keep = expected["is_text"] if "pieces" in name else slice(None)
    near(weft.tensor(scores[keep]), expected["scores"][keep])
    config = json.loads((written / name / "repository" / "config.json").read_text("utf-8"))
    count = expected["scores"].shape[-1]
    named = config.get("id2label", {str(n): f"LABEL_{n}" for n in range(count)})
    assert model.labels == tuple(named[str(n)] for n in range(count))


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences_get_the_embeddings_of_sentence_transformers(
    name: str, written: Path, server: Repositories
) -> None:
    from weft.text.tasks import sentence_embedding

    model, expected = loaded(server, written / name)
    result = sentence_embedding.run(model, expected["sentences"].tolist())
    near(weft.tensor(result["embeddings"]), expected["embeddings"])


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_get_the_scores_of_the_library(
    name: str, written: Path, server: Repositories
) -> None:
    model, expected = loaded(server, written / name)
    with weft.no_grad():
        for kind in ("even", "odd"):
            near(model(weft.tensor(expected[f"{kind}_x"])), expected[f"{kind}_scores"])
    assert len(model.labels) == expected["even_scores"].shape[1]
    prepared = model.preprocess(Image.fromarray(expected["photo"])).numpy()
    assert prepared.shape == expected["prepared"].shape
    # A pixel may be rounded to the next of 256 steps, which the normalisation widens.
    step = 1 / 255 / 0.2
    assert np.abs(prepared - expected["prepared"]).max() < 1.01 * step
    assert np.abs(prepared - expected["prepared"]).mean() < 0.01 * step


@pytest.mark.parametrize("name", ["bert", "timm-mobilenetv2_050", "transformers-mobilenet"])
def test_a_mirror_gives_a_repository_of_a_library_on(
    name: str, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index" / "lab" / "model"
    shutil.copytree(written / name / "repository", folder)
    files = [
        {
            "name": path.name,
            "role": "weights" if path.suffix == ".safetensors" else "extra",
            "format": "safetensors" if path.suffix == ".safetensors" else "other",
            "size": path.stat().st_size,
            "sha256": sha256(path.read_bytes()),
            "sources": [f"file:{path.name}"],
        }
        for path in sorted(folder.iterdir())
    ]
    task = "sentence-embedding" if name == "bert" else "image-classification"
    about = {
        "schema": 1, "name": "lab/model", "version": "1.0.0", "task": task, "labels": ["x"],
        "summary": "A model that another library wrote", "license": "BSD-3-Clause",
        "authors": ["the test"], "provenance": "Written by the test.",
        "build": {"kind": "factory", "package": "weft", "factory": "bert"}, "files": files,
    }  # fmt: skip
    (folder / "model.toml").write_text(toml(about), "utf-8")
    (folder / "card.md").write_text("# A model\n", "utf-8")
    source = weft_hub.Hub(cache=tmp_path / "served", index=tmp_path / "index")
    source.download("lab/model", progress=False)
    mirror = Mirror(source, host="127.0.0.1", port=0)
    with mirror.running():
        monkeypatch.setenv("HF_ENDPOINT", mirror.url)
        monkeypatch.setenv("WEFT_HUB_CACHE", str(tmp_path / "cache"))
        with pytest.warns(weft_hub.UnpinnedRevisionWarning) as told:
            weft_hub.load("hf:lab/model")
        [pinned] = re.findall(r"hf:lab/model@[0-9a-f]{40}", str(told[0].message))
        model = weft_hub.load(pinned)
    with np.load(written / name / "expected.npz") as expected, weft.no_grad():
        if name == "bert":
            ids, is_text = model.preprocess(expected["sentences"].tolist())
            keep = expected["is_text"]
            near(weft.tensor(model(ids, is_text).numpy()[keep]), expected["hidden"][keep])
        else:
            near(model(weft.tensor(expected["even_x"])), expected["even_scores"])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_built_here_is_refused_in_one_line(
    name: str, written: Path, server: Repositories
) -> None:
    sha = server.commit("lab/model", files_of(written / name / "repository"))
    with pytest.raises(weft_hub.HubError) as caught:
        weft_hub.load(f"hf:lab/model@{sha}")
    assert REFUSED[name] in str(caught.value)
    assert "\n" not in str(caught.value)
    asked = [path for path in server.asked if "_Dense/" not in path]
    assert not any("safetensors" in path for path in asked)  # before the weights came
