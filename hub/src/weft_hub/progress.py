"""Progress: what the hub tells while it works, and the bar that shows it on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Stage: TypeAlias = Literal["cached", "wait", "download", "verify", "stored", "failed"]


@dataclass(frozen=True)
class Step:
    """One step of the work on one file.

    Attributes:
        stage: `cached` (found in the cache and verified), `wait` (another process is fetching
            it), `download` (bytes arrive from `source`), `verify` (bytes are hashed on their way
            into the cache), `stored` (verified and in the cache), `failed` (this source could not
            give the file; the next one is tried).
        file: the name of the file in the index entry.
        done: bytes so far in this stage.
        total: bytes of this stage, or None when unknown.
        source: the URI that the bytes come from, or an empty string.
    """

    stage: Stage
    file: str
    done: int
    total: int | None
    source: str = ""


Progress: TypeAlias = Callable[[Step], None]


def quiet(step: Step) -> None:
    """Show nothing."""


def choose(progress: Progress | bool | None) -> Progress:
    """Return what to call with each step.

    None means a bar if standard error is a terminal, True a bar in any case, False nothing.
    """
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    if progress is True:
        return Bar()
    if progress is False:
        return quiet
    return progress


class Bar:
    """A tqdm bar on standard error for each file that is under way; several may be at once."""

    def __init__(self) -> None:
        self._bars: dict[str, tuple[tuple[str, str], Any]] = {}

    def __call__(self, step: Step) -> None:
        """Draw `step`."""
        key = (step.stage, step.source)
        known = self._bars.get(step.file)
        if known is None or known[0] != key:
            self._close(step.file)
            if step.stage == "wait":
                print(f"{step.file}: another process is fetching it", file=sys.stderr)
            if step.stage not in ("download", "verify"):
                return
            known = self._bars[step.file] = (key, self._open(step))
        bar = known[1]
        bar.update(step.done - bar.n)
        if step.total is not None and step.done >= step.total:
            self._close(step.file, keep=key)

    def _open(self, step: Step) -> Any:
        from tqdm import tqdm  # loaded only when a bar is shown

        return tqdm(
            total=step.total,
            desc=f"{step.stage} {step.file}",
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            file=sys.stderr,
        )

    def _close(self, file: str, *, keep: tuple[str, str] | None = None) -> None:
        """Close the bar of `file`; with `keep` note that this stage is over and not drawn again."""
        known = self._bars.pop(file, None)
        if known is not None:
            known[1].close()
            if keep is not None:
                self._bars[file] = (keep, _DONE)


class _Done:
    """Stands for a bar that has been closed."""

    n = 0

    def update(self, count: int) -> None:
        """Draw nothing."""

    def close(self) -> None:
        """Close nothing."""


_DONE = _Done()
