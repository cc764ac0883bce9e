"""What follows the encoder in a repository of sentence-transformers: pooling and linear layers.

`modules.json` names the modules and the folder of each. Read are a Transformer, a Pooling, a few
Dense or none and a Normalize or none, in this order; each in what sentence-transformers writes from
version 5 on and in what most published repositories were written with. What would be computed
otherwise here is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import weft

from ._published_files import POOLING, Files, read_json, table
from .pooling import Pooling
from .projection import ACTIVATIONS, Dense, Projection

MODULES = "modules.json"
_FOLDERS = ("2_Dense", "3_Dense", "4_Dense", "5_Dense")
WEIGHTS = "model.safetensors"
FILES = (
    MODULES,
    POOLING,
    *(f"{one}/{name}" for one in _FOLDERS for name in ("config.json", WEIGHTS)),
)

_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_KINDS = ("Transformer", "Pooling", "Dense", "Normalize")
_ORDER = re.compile(rf"Transformer Pooling (?:Dense ){{0,{len(_FOLDERS)}}}(?:Normalize )?")


def pooling_of(files: Files) -> Pooling:
    """Return how sentences are pooled: as `modules.json` says, or the mean, of length 1.

    The length is not 1 where linear layers follow, which bring their own end.

    Raises:
        ValueError: a module is not known here, or stands in another place.
    """
    if MODULES not in files:
        return Pooling(_modes(files))
    kinds = _kinds(files)
    return Pooling(_modes(files), normalise=not kinds or kinds[-2:] == ["Pooling", "Normalize"])


def projection_of(files: Files, width: int) -> Projection:
    """Return the linear layers that come after the pooling, without their weights.

    Args:
        files: those of the repository.
        width: how many numbers the pooling gives.

    Raises:
        ValueError: a module is not known here, or a layer would compute something else.
    """
    kinds = _kinds(files) if MODULES in files else []
    layers = []
    for folder in _FOLDERS[: kinds.count("Dense")]:
        layers.append(_dense(files, folder, width))
        width = layers[-1].linear.out_features
    return Projection(layers, normalise=bool(layers) and kinds[-1] == "Normalize")


def fill(projection: Projection, files: Files) -> None:
    """Give linear layers the weights of their folders.

    Raises:
        ValueError: a file is damaged, or has not the tensors of the layer.
    """
    for folder, layer in zip(_FOLDERS, projection.layers, strict=False):
        name = f"{folder}/{WEIGHTS}"
        try:
            layer.load_state_dict(weft.io.load_safetensors(files[name]), strict=True)
        except (RuntimeError, weft.io.WeightsError) as error:
            raise ValueError(f"{name}: {' '.join(str(error).split())}") from error


def _kinds(files: Files) -> list[str]:
    """Return the names of the modules in order, each of which is in the folder of its place."""
    listed = read_json(files, MODULES)
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise ValueError(f"{MODULES} must hold a list of modules")
    kinds = [str(one.get("type", "")).rpartition(".")[2] for one in listed]
    for one, kind in zip(listed, kinds, strict=True):
        if kind not in _KINDS:
            raise ValueError(
                f"{MODULES} names the module {one.get('type')!r}; known here are "
                f"{', '.join(_KINDS)}"
            )
    if kinds and not _ORDER.fullmatch("".join(f"{kind} " for kind in kinds)):
        raise ValueError(
            f"{MODULES} must name {', '.join(_KINDS)} in this order, of them Dense at most "
            f"{len(_FOLDERS)} times, but has {kinds}"
        )
    for place, (one, kind) in enumerate(zip(listed, kinds, strict=True)):
        folder = "" if kind == "Transformer" else f"{place}_{kind}"
        if kind != "Normalize" and one.get("path", "") != folder:
            raise ValueError(
                f"{MODULES}: the files of {kind} must be in {folder or 'the first folder'!r}, but "
                f"are in {one.get('path')!r}"
            )
    return kinds


def _modes(files: Files) -> tuple[str, ...]:
    told = table(files, POOLING)
    modes = told.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _OLD_MODES.items() if told.get(key) is True] or ["mean"]
        others = {key for key in told if key.startswith("pooling_mode_")} - _OLD_MODES.keys()
        if wrong := [key for key in sorted(others) if told[key]]:
            raise ValueError(f"{POOLING}: {wrong[0]} is not known here")
    return (modes,) if isinstance(modes, str) else tuple(map(str, modes))


def _dense(files: Files, folder: str, width: int) -> Dense:
    name, weights = f"{folder}/config.json", f"{folder}/{WEIGHTS}"
    for needed in (name, weights):
        if needed not in files:
            raise ValueError(f"{needed} of the module Dense is required, but is not there")
    told = table(files, name)
    _require(told, name, "in_features", width)
    _require(told, name, "module_input_name", "sentence_embedding")
    _require(told, name, "module_output_name", "sentence_embedding", None)
    wide = told.get("out_features")
    # A config.json must not make the machine run out of memory: each weight has a byte at least.
    most = files[weights].stat().st_size // width
    if type(wide) is not int or not 0 < wide <= most:
        raise ValueError(
            f"{name}: out_features must be from 1 to the {most} that {WEIGHTS} has room for, but "
            f"is {wide!r}"
        )
    bias, residual = told.get("bias", True), told.get("use_residual", False)
    for key, value in (("bias", bias), ("use_residual", residual)):
        if type(value) is not bool:
            raise ValueError(f"{name}: {key} must be true or false, but is {value!r}")
    activation = _activation(told, name)
    return Dense(width, wide, bias=bias, residual=residual, activation=activation)


def _require(told: Mapping[str, Any], name: str, key: str, *allowed: object) -> None:
    if told.get(key, allowed[0]) not in allowed:
        raise ValueError(f"{name}: {key} must be {allowed[0]!r}, but is {told[key]!r}")


def _activation(told: Mapping[str, Any], name: str) -> str:
    said = told.get("activation_function", "torch.nn.modules.activation.Tanh")
    if isinstance(said, str):
        for where in ("torch.nn.modules.activation.", "torch.nn.modules.linear."):
            if said.startswith(where) and said.removeprefix(where) in ACTIVATIONS:
                return said.removeprefix(where)
    raise ValueError(
        f"{name}: activation_function must be one of torch's {', '.join(ACTIVATIONS)}, but is "
        f"{said!r}"
    )
