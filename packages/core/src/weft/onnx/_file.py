"""An ONNX file as a message of protobuf, and its data in other files, which stay confined."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.io._sources import FileLike, memory_of, name_of
from weft.io.errors import shown
from weft.onnx._library import library
from weft.onnx.errors import OnnxError

__all__ = ["ExternalData", "opsets_of", "read_model"]

#: The opsets of ONNX's own operators that are read; before 7, broadcasting had other rules.
OLDEST_OPSET = 7
_OURS = ("", "ai.onnx")


def read_model(path: FileLike) -> tuple[Any, str]:
    """Return a file's `ModelProto`, and its name for messages. Nothing beside it is opened.

    Raises:
        ImportError: the package `onnx` is missing.
        OSError: the file does not exist or may not be read.
        OnnxError: it is no ONNX model.
    """
    onnx = library()
    memory, origin = memory_of(path, mapped=True)
    if len(memory) >= 2**31:
        raise OnnxError(
            f"{origin}: a message of protobuf has less than 2 GiB, but the file has {len(memory)} "
            "bytes; larger models keep their weights in files beside them"
        )
    model = onnx.ModelProto()
    try:
        model.ParseFromString(bytes(memory))
    except Exception as error:  # protobuf's DecodeError, whose package is onnx's affair
        raise OnnxError(f"{origin}: this is no ONNX model: {error}") from None
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise OnnxError(
            f"{origin}: an ONNX model has a graph, but this file has none (its first bytes are "
            f"{shown(bytes(memory[:8]))})"
        )
    _require_text(model, origin)
    return model, origin


def _require_text(model: Any, origin: str) -> None:
    """Refuse names that are no text: protobuf hands them out as bytes.

    Raises:
        OnnxError: there is one.
    """
    waiting = [model.graph, *model.functions]
    texts = [one.domain for one in model.opset_import]
    while waiting:
        holder = waiting.pop()
        texts += [holder.name, *_names(holder.input), *_names(holder.output)]
        texts += _names(getattr(holder, "initializer", ()))
        for node in holder.node:
            texts += [node.name, node.op_type, node.domain, *node.input, *node.output]
            for one in node.attribute:
                texts += [one.name, one.ref_attr_name]
                if one.HasField("g"):
                    waiting.append(one.g)
        for text in texts:
            if not isinstance(text, str):
                raise OnnxError(f"{origin}: a name must be UTF-8, but one is {shown(text)}")
        texts.clear()


def _names(listed: Any) -> list[Any]:
    """Return names: of a graph's values, or of a function's, which are names themselves."""
    return [getattr(one, "name", one) for one in listed]


def opsets_of(imports: Any, origin: str) -> dict[str, int]:
    """Return the version of each set of operators that a model or a function is written in.

    Raises:
        OnnxError: ONNX's own is older than what is read.
    """
    found = {one.domain if one.domain not in _OURS else "": one.version for one in imports}
    if found.get("", OLDEST_OPSET) < OLDEST_OPSET:
        raise OnnxError(
            f"{origin}: opset {OLDEST_OPSET} or newer was required, but the model is of opset "
            f"{found['']}; onnx.version_converter makes newer ones of older ones"
        )
    return found


class ExternalData:
    """Data that a model keeps in other files.

    A model names them by relative paths, which could lead anywhere: only plain files in the
    model's own folder or below are opened, no link is followed out of it, and with `files` no
    other than those.

    Args:
        path: the model's file.
        files: where each file lies by the name that the model has for it; None for the model's
            folder.
    """

    def __init__(self, path: FileLike, files: Mapping[str, str | os.PathLike[str]] | None) -> None:
        self._origin = name_of(path)
        self._folder = Path(path).parent if isinstance(path, str | os.PathLike) else None
        self._files = files

    def read(self, entries: Mapping[str, str], nbytes: int, name: str) -> bytes:
        """Return the bytes of one tensor.

        Args:
            entries: what the model says of it: location, and perhaps offset and length.
            nbytes: how many bytes its dtype and shape need.
            name: of the tensor, for messages.

        Raises:
            OnnxError: the path leads elsewhere, or the file has not these bytes.
        """
        where = f"{self._origin}: tensor {shown(name)}"
        location = entries.get("location", "")
        if not isinstance(location, str):  # protobuf leaves what is no UTF-8 as bytes
            raise OnnxError(f"{where}: the path of its data must be text, but is {shown(location)}")
        path = self._place(location, where)
        try:
            offset = int(entries.get("offset", "0") or 0)
            length = int(entries.get("length", str(nbytes)) or nbytes)
        except ValueError:
            raise OnnxError(f"{where}: its offset and length must be integers") from None
        if length != nbytes or not 0 <= offset < 2**62:
            raise OnnxError(
                f"{where} needs {nbytes} bytes, but its data is {length} bytes at offset {offset}"
            )
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read(nbytes)
        except OSError as error:
            raise OnnxError(
                f"{where} lies in {shown(os.fspath(path))}, which cannot be read: "
                f"{error.strerror or error}"
            ) from error
        if len(data) != nbytes:
            raise OnnxError(
                f"{where} needs {nbytes} bytes at offset {offset} of {shown(os.fspath(path))}, "
                f"but {len(data)} are there"
            )
        return data

    def _place(self, location: str, where: str) -> Path:
        if self._files is not None:
            if location not in self._files:
                listed = ", ".join(sorted(self._files)) or "none"
                raise OnnxError(
                    f"{where} lies in another file, {shown(location)}, which is none of those "
                    f"given ({listed})"
                )
            return Path(self._files[location])
        if self._folder is None:
            raise OnnxError(
                f"{where} lies in another file, {shown(location)}; give the model by its path"
            )
        parts = location.replace("\\", "/").split("/")
        if not location or ":" in location or "\0" in location or set(parts) & {"", "..", "."}:
            raise OnnxError(
                f"{where}: data lies in files beside the model, but this path leads elsewhere: "
                f"{shown(location)}"
            )
        folder = Path(os.path.realpath(self._folder))
        path = Path(os.path.realpath(folder.joinpath(*parts)))
        if not path.is_relative_to(folder):
            raise OnnxError(
                f"{where}: data lies in files beside the model, but {shown(location)} is a link "
                "that leads elsewhere"
            )
        if path.exists() and not path.is_file():
            raise OnnxError(f"{where}: {shown(location)} must be a plain file")
        return path
