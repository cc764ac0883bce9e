"""Checkpoints of training: everything that a run needs to go on, bit for bit, where it stopped."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._parts import owned, random_state, set_random_state, set_state, state_of
from .errors import FormatError, shown
from .saving import load, save

__all__ = ["Checkpoint", "list_checkpoints", "load_checkpoint", "save_checkpoint"]

#: The layout of what is saved; a reader of this version reads no later one.
_VERSION = 1
_NAME = re.compile(r"step-(\d+)\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds beside the states that were loaded.

    Attributes:
        step: the step after which it was saved.
        extra: what :func:`save_checkpoint` was given as `extra`.
        parts: the names of its parts.
        path: the file.
    """

    step: int
    extra: Any
    parts: tuple[str, ...]
    path: Path


def save_checkpoint(
    directory: str | os.PathLike[str],
    step: int,
    *,
    keep: int | None = 3,
    extra: Any = None,
    **parts: Any,
) -> Path:
    """Save all that a training run needs to go on after a step as if it had never stopped.

    Beside the parts it saves the random numbers' state: weft's default generator, NumPy's and
    Python's. Call it between two steps: gradients are not saved.

    The file `step-0000001200.safetensors` is whole or not there: it is written under another name,
    flushed to the disk and renamed, and only then older ones are removed. Whatever ends the process
    meanwhile, and where the disk is full, the checkpoints from before stay.

    Args:
        directory: where a run's checkpoints lie; made if it is not there.
        step: how many steps were done, from 0. A checkpoint of the same step is replaced.
        keep: how many checkpoints stay, from 1; all for None.
        extra: anything else that is needed: numbers, text, lists, dicts, tensors (which come back
            on the CPU).
        parts: by names of your own, whatever has `state_dict` and `load_state_dict` (models,
            optimizers, schedulers, scalers, averaged models, loaders) and generators of weft,
            NumPy and Python.

    Returns:
        the path of the file.

    Raises:
        ValueError: `step` or `keep` is out of its range, or the directory holds a checkpoint of a
            later step: the run went back, and its files would mix with those of another one.
        TypeError: a part has no state.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> model = weft.nn.Linear(2, 1)
        >>> optimizer = weft.optim.Adam(model.parameters())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = weft.io.save_checkpoint(folder, 100, model=model, optimizer=optimizer)
        ...     found = weft.io.load_checkpoint(folder, model=model, optimizer=optimizer)
        >>> path.name, found.step
        ('step-0000000100.safetensors', 100)
    """
    who = "save_checkpoint"
    for name, value, least in (("step", step, 0), ("keep", keep, 1)):
        if value is None and name == "keep":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{who}: {name} must be a whole number from {least}, got {value!r}")
    folder = Path(directory)
    later = [path for path in list_checkpoints(folder) if _step_of(path) > step]
    if later:
        raise ValueError(
            f"{who}: {folder} holds a checkpoint of step {_step_of(later[-1])}, which is later "
            f"than step {step}; save to another directory, or remove the later ones first"
        )
    made = {
        "version": _VERSION,
        "step": step,
        "parts": {name: state_of(who, name, part) for name, part in parts.items()},
        "random": random_state(),
        "extra": extra,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:010d}.safetensors"
    save(made, path)
    if keep is not None:
        for old in list_checkpoints(folder)[:-keep]:
            old.unlink(missing_ok=True)
    return path


def load_checkpoint(
    path: str | os.PathLike[str], *, partial: bool = False, **parts: Any
) -> Checkpoint | None:
    """Load what :func:`save_checkpoint` saved: the newest of a directory, or one file.

    Afterwards the run goes on as if it had never stopped: with the same numbers, bit for bit.

    Args:
        path: a directory, of which the newest checkpoint is loaded, or a file.
        partial: load only the parts that are named, and leave random numbers as they are: for
            evaluation. Otherwise the parts must be those that were saved.
        parts: the parts, by the names under which they were saved, made as they were then.

    Returns:
        the step and `extra`; None for a directory that holds no checkpoint, or is not there.

    Raises:
        KeyError: the parts are not those that were saved.
        weft.io.FormatError: the file is damaged, no checkpoint of training, or of a newer version.
        FileNotFoundError: there is no such file; a name without `.safetensors` is a directory's.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     weft.io.load_checkpoint(folder) is None
        True
    """
    who = "load_checkpoint"
    found = Path(path)
    if found.is_dir() or not (found.exists() or found.suffix == ".safetensors"):
        newest = list_checkpoints(found)
        if not newest:
            return None
        found = newest[-1]
    made = _read(found)
    saved = made["parts"]
    missing = [name for name in parts if name not in saved]
    unused = [name for name in saved if name not in parts]
    if missing or (unused and not partial):
        raise KeyError(
            f"{who}: {found} holds the parts {_listed(saved)}, asked for were {_listed(parts)}"
            + ("" if missing else "; pass the others too, or partial=True to leave them out")
        )
    for name, part in parts.items():
        try:
            set_state(who, name, part, saved[name])
        except Exception as error:
            error.add_note(f"{who}: while the part {name!r} of {found} was loaded")
            raise
    if not partial:
        set_random_state(made["random"])
    return Checkpoint(made["step"], owned(made["extra"]), tuple(saved), found)


def list_checkpoints(directory: str | os.PathLike[str]) -> list[Path]:
    """Return the checkpoints of training in a directory, the earliest step first.

    Args:
        directory: it need not be there.
    """
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    found = [Path(directory, name) for name in names if _NAME.fullmatch(name)]
    return sorted(found, key=_step_of)


def _read(path: Path) -> dict[str, Any]:
    made = load(path, map_location="cpu")  # parts put each tensor where they are
    wanted = {"version", "step", "parts", "random", "extra"}
    if not isinstance(made, dict) or "version" not in made:
        raise FormatError(f"{path}: holds no checkpoint of training, but {shown(type(made))}")
    if made["version"] != _VERSION:
        raise FormatError(
            f"{path}: is a checkpoint of version {shown(made['version'])}, this weft reads version "
            f"{_VERSION}; load it with the weft that saved it, or a newer one"
        )
    if set(made) != wanted:
        raise FormatError(
            f"{path}: holds {_listed(made)}, a checkpoint of training {_listed(wanted)}"
        )
    return made


def _step_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1])


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names))) or "none"
