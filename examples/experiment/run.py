"""One training run: its progress bar, its metrics, its checkpoint."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from tqdm import tqdm

from experiment.loading import Order
from experiment.machine import machine
from experiment.plots import Curve, curves


class Run:
    """A run of training that can be stopped at any moment and resumed, and ends as if it had not.

    ``metrics.jsonl`` in the output folder gets a line for each step and each epoch, the checkpoint
    everything that has state: at the beginning, so that an older run's is gone, every
    ``--save-every`` steps and after each epoch.

    Args:
        lib: weft or PyTorch.
        options: what `command_line` returned.
        before: what was measured before the first step, for the summary; a run that is resumed has
            what its checkpoint says.
        parts: what has a ``state_dict``, by name: the model, the optimizer, the scheduler.
    """

    def __init__(
        self,
        lib: Any,
        options: argparse.Namespace,
        *,
        before: Mapping[str, float] = MappingProxyType({}),
        **parts: Any,
    ) -> None:
        self.lib, self.options, self.parts = lib, options, parts
        self._before = dict(before)
        self.output: Path = options.output
        self.output.mkdir(parents=True, exist_ok=True)
        self.metrics = self.output / "metrics.jsonl"
        self.checkpoint = self.output / f"checkpoint.{lib.__name__}"
        self.step = self.epoch = self.done = 0
        self._noted: dict[str, float] = {}
        self._bar: Any = None
        if options.threads is not None:
            lib.set_num_threads(options.threads)
        start = getattr(options, "start", None)
        if options.resume:
            self._resume()
        else:
            self.metrics.unlink(missing_ok=True)
            if start is not None:
                _start_alike(lib, parts["model"], start)
            self.save()

    # ---------------------------------------------------------------- the two loops of training

    def epochs(self) -> Iterator[int]:
        """Yield the number of each epoch that is still to do, and save after each."""
        for epoch in range(self.epoch, self.options.epochs):
            self.epoch = epoch
            yield epoch
            self.epoch, self.done = epoch + 1, 0
            self.save()

    def order(self, order: Order) -> Order:
        """Set an order to where this run is."""
        return order.begin(self.epoch, self.done)

    def steps(self, batches: Any) -> Iterator[Any]:
        """Yield the batches of an epoch, show how far it is, and time what is done with each.

        Args:
            batches: those still to come, as many as ``len`` says.
        """
        with tqdm(
            batches,
            desc=f"epoch {self.epoch + 1}/{self.options.epochs}",
            total=self.done + len(batches),
            initial=self.done,
            disable=None,  # no bar where there is no terminal
            unit="step",
        ) as self._bar:
            for batch in self._bar:
                wall, processor = time.perf_counter(), time.process_time()
                yield batch
                self.step += 1
                self.done += 1
                self._write(
                    step=self.step,
                    **self._noted,
                    seconds=time.perf_counter() - wall,
                    processor_seconds=time.process_time() - processor,
                )
                if self.step % self.options.save_every == 0:
                    self.save()

    # --------------------------------------------------------------------------- what was measured

    def note(self, **values: float) -> None:
        """Give the values of this step, such as its loss; the bar shows them."""
        self._noted = values
        self._bar.set_postfix(
            {name: f"{value:.4g}" for name, value in values.items()}, refresh=False
        )

    def note_epoch(self, **values: float) -> None:
        """Give the values of the epoch that ends, such as the accuracy on test data."""
        said = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in values.items())
        print(f"epoch {self.epoch + 1}/{self.options.epochs}: {said}", flush=True)
        self._write(epoch=self.epoch + 1, after_step=self.step, **values)

    def history(self, name: str) -> tuple[list[int], list[float]]:
        """Return the steps at which ``name`` was measured, and its values."""
        steps, values = [], []
        for line in _lines(self.metrics):
            if name in line:
                steps.append(int(line["step"] if "step" in line else line["after_step"]))
                values.append(float(line[name]))
        return steps, values

    def finish(self, *measured: str) -> dict[str, Any]:
        """Write ``summary.json``: the thinned curve, the epochs, times, machine; return it.

        Args:
            measured: what `note_epoch` was given and is to be plotted beside the loss.
        """
        steps, losses = self.history("loss")
        seconds = self.history("seconds")[1]
        processor = self.history("processor_seconds")[1]
        summary = {
            "program": self.options.program,
            "library": self.lib.__name__,
            "options": {
                name: value
                for name, value in sorted(vars(self.options).items())
                if isinstance(value, int | float) and not isinstance(value, bool)
            },
            "steps": self.step,
            "median_step_ms": 1e3 * float(np.median(seconds)),
            "median_step_processor_ms": 1e3 * float(np.median(processor)),
            "training_minutes": sum(seconds) / 60,
            "loss": _thinned(steps, losses),
            **self._before,
            "epochs": [line for line in _lines(self.metrics) if "epoch" in line],
            "machine": machine(self.lib),
        }
        text = json.dumps(summary, indent=1) + "\n"
        (self.output / "summary.json").write_text(text, encoding="utf-8")
        curve = Curve(self.lib.__name__, summary["loss"]["step"], summary["loss"]["mean"])
        plots = {"loss": [curve]}
        plots |= {name: [Curve(name, *self.history(name))] for name in measured}
        curves(self.output / "curves.svg", plots, title=self.options.program)
        print(
            f"{self.lib.__name__}: {self.step} steps, {summary['median_step_ms']:.1f} ms a step "
            f"(median), {summary['median_step_processor_ms']:.1f} ms of processor time",
            flush=True,
        )
        return summary

    def _write(self, **values: Any) -> None:
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    # ----------------------------------------------------------------------------- the checkpoint

    def save(self) -> None:
        """Write the checkpoint: to a file beside it first, so that a crash leaves the old one."""
        state = {
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "random": self.lib.get_rng_state(),
            "at": {"step": self.step, "epoch": self.epoch, "done": self.done},
            "before": self._before,
        }
        new = self.checkpoint.with_suffix(".new")
        self.lib.save(state, new)
        os.replace(new, self.checkpoint)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            raise SystemExit(f"--resume: there is no {self.checkpoint}; run without it first")
        state = self.lib.load(self.checkpoint)
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        self.lib.set_rng_state(state["random"])
        self._before = state["before"]
        at = state["at"]
        self.step, self.epoch, self.done = at["step"], at["epoch"], at["done"]
        # What was measured after the checkpoint will be measured again.
        kept = [one for one in _lines(self.metrics) if self._is_done(one)]
        self.metrics.write_text("".join(json.dumps(one) + "\n" for one in kept), encoding="utf-8")
        print(f"resumed after step {self.step}", flush=True)

    def _is_done(self, line: dict[str, Any]) -> bool:
        return bool(line["step"] <= self.step if "step" in line else line["epoch"] <= self.epoch)


def _lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a last one that was cut short by a crash is left out."""
    found = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return found


def _thinned(steps: list[int], values: list[float], points: int = 150) -> dict[str, list[float]]:
    """Return means over stretches of a curve, at most ``points`` of them."""
    stretch = -(-len(values) // points) if values else 1
    starts = range(0, len(values), stretch)
    return {
        "step": [steps[min(at + stretch, len(steps)) - 1] for at in starts],
        "mean": [round(float(np.mean(values[at : at + stretch])), 5) for at in starts],
    }


def _start_alike(lib: Any, model: Any, path: Path) -> None:
    """Load the initial weights that a run of the other library left, or leave ours for it."""
    if path.exists():
        with np.load(path) as arrays:
            model.load_state_dict({name: lib.from_numpy(arrays[name]) for name in arrays.files})
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{name: one.numpy() for name, one in model.state_dict().items()})
