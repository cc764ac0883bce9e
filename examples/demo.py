"""From the hub to an answer: classify two photos, find the speech in a recording.

Run it with `nox -s demo`, or with weft, weft-vision, weft-audio, weft-hub and matplotlib installed:

    python examples/demo.py [--output FOLDER]

The first pass fetches what is not cached yet. Then the program starts itself again with every
connection forbidden, and the second pass has to give the same answers out of the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import weft_hub

HERE = Path(__file__).resolve().parent
PHOTOS = ("chelsea.png", "coffee.jpg")
RECORDING = "sense-and-sensibility-1.wav"


def main() -> int:
    """Run both passes and return the exit status."""
    parser = argparse.ArgumentParser(description="Pretrained models on real photos and speech.")
    parser.add_argument(
        "--output", type=Path, default=HERE / "output", help="where the pictures go"
    )
    parser.add_argument(
        "--offline", action="store_true", help="only the second pass: cache only, no connection"
    )
    options = parser.parse_args()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    if options.offline:
        return second_pass(output)

    say("weft demo: the first pass fetches what the cache lacks")
    answers = run(output)
    (output / "answers.json").write_text(json.dumps(answers, indent=1), encoding="utf-8")
    say("\nThe second pass: a new process in which every connection is an error")
    again = [sys.executable, __file__, "--offline", "--output", str(output)]
    status = subprocess.run(again, env=os.environ | {"WEFT_HUB_OFFLINE": "1"}).returncode
    if status == 0:
        say("\nPictures:")
        for picture in sorted(output.glob("*.png")):
            say(f"  {picture}")
    return status


def second_pass(output: Path) -> int:
    """Run again under a guard on connections and compare with what the first pass said."""
    attempts = forbid_connections()
    answers = run(output)
    if attempts:
        say(f"FAILED: the second pass tried to leave the machine: {'; '.join(attempts)}")
        return 1
    before = json.loads((output / "answers.json").read_text(encoding="utf-8"))
    if answers != before:
        say("FAILED: the second pass gives other answers than the first")
        return 1
    say("\nThe same answers; no connection was opened, and no program started that could open one.")
    return 0


def run(output: Path) -> dict[str, Any]:
    """Load both models, use them, write the pictures; return the answers."""
    with step("import weft, weft_vision, weft_audio, weft_hub"):
        import weft
        import weft_audio
        import weft_hub
        import weft_vision

    answers: dict[str, Any] = {}

    with step("load vision/mobilenet-v2 from the hub"), report("vision/mobilenet-v2") as watch:
        classifier = weft_hub.load("vision/mobilenet-v2", progress=watch)
    for name in PHOTOS:
        with step(f"classify {name} and draw the answer"):
            photo = HERE / "media" / name
            batch = classifier.preprocess(photo).unsqueeze(0)  # (1, 3, 224, 224)
            with weft.no_grad():
                probabilities = classifier(batch).softmax(dim=-1)[0]
            values, indices = probabilities.topk(5)
            top = [
                {"label": classifier.labels[index], "probability": value}
                for value, index in zip(values.tolist(), indices.tolist(), strict=True)
            ]
            picture = weft_vision.draw.draw_predictions(photo, top, title=classifier.card.name)
            weft_vision.io.write_png(picture, output / f"{photo.stem}.png")
        for one in top:
            say(f"      {one['probability']:6.1%}  {one['label']}")
        answers[name] = top

    with step("load audio/silero-vad from the hub"), report("audio/silero-vad") as watch:
        detector = weft_hub.load("audio/silero-vad", progress=watch)
    with step(f"find the speech in {RECORDING} and plot it"):
        recording = HERE / "media" / RECORDING
        waveform = detector.preprocess(recording)  # (time,), mono, at the model's rate
        rate_hz = detector.sample_rate_hz
        frame_s = detector.frame_samples / rate_hz
        with weft.no_grad():
            speech = detector.speech_probabilities(waveform).tolist()
        segments = weft_audio.functional.speech_segments(
            speech, frame_s, duration_s=waveform.shape[-1] / rate_hz
        )
        weft_audio.plot.plot_speech(
            output / f"{recording.stem}.png",
            waveform,
            rate_hz,
            speech,
            frame_s,
            [(one.start_s, one.end_s) for one in segments],
            title=f"{RECORDING}: {detector.card.name}",
        )
    for segment in segments:
        say(f"      speech from {segment.start_s:.2f} s to {segment.end_s:.2f} s")
    answers[RECORDING] = [[one.start_s, one.end_s] for one in segments]
    return answers


# -------------------------------------------------------------------------- telling what happens


def say(text: str) -> None:
    """Print a line at once, so that a log and a progress line keep their order."""
    print(text, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and afterwards how long it took."""
    say(f"\n  {what} ...")
    start = time.perf_counter()
    yield
    say(f"      took {time.perf_counter() - start:.2f} s")


class Watch:
    """Hears every step of the hub's work on a model's files, and shows how downloads advance."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, weft_hub.Step]] = {}  # by file, then by stage
        self._tenth = -1

    def __call__(self, seen: weft_hub.Step) -> None:
        """Take one step from the hub."""
        self.stages.setdefault(seen.file, {})[seen.stage] = seen
        if seen.stage == "download" and seen.total:
            tenth = 10 * seen.done // seen.total
            if tenth != self._tenth:
                self._tenth = tenth
                say(f"      {seen.file}: {tenth * 10:3d} % of {mebibytes(seen.total)}")


@contextmanager
def report(model: str) -> Iterator[Watch]:
    """Say of each file of a model whether it was downloaded, verified and cached, and where."""
    import weft_hub

    watch = Watch()
    yield watch
    folder = weft_hub.download(model, progress=False, offline=True).folder  # all is cached by now
    for file in weft_hub.info(model).files:
        stages = watch.stages.get(file.name, {})
        say(f"      {file.name} ({mebibytes(file.size)})")
        if "stored" in stages:
            say(f"        downloaded  from {stages['stored'].source.partition('?')[0]}")
        else:
            say("        downloaded  no need: it was in the cache")
        say(f"        verified    SHA-256 {file.sha256}")
        say(f"        cached      {folder / file.name}")


def mebibytes(size: int) -> str:
    """Return a size in bytes as people read it."""
    return f"{size / 2**20:.1f} MiB"


# ------------------------------------------------------------------------ the second pass's guard


def forbid_connections() -> list[str]:
    """Make every connection of this process an error, and return the list that attempts join.

    Python tells its audit hooks of each look-up of a host, each connection and each program that is
    started (pip would be one), whichever library asks.
    """
    attempts: list[str] = []
    forbidden = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen"}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and Path(str(arguments[0])).name == "fc-list":
            return  # matplotlib lists this machine's fonts where it could not keep the list
        if event in forbidden or event in {"os.system", "os.posix_spawn", "os.exec"}:
            attempts.append(f"{event}{arguments!r}")
            raise PermissionError(f"the second pass may not open connections: {event}")

    sys.addaudithook(hook)
    return attempts


if __name__ == "__main__":
    sys.exit(main())
