"""A graph from its JSON text: every object has exactly its keys, every value its type and bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from weft._core.errors import did_you_mean
from weft.graph._allowed import FUNCTIONS
from weft.graph._function import Function
from weft.graph._kinds import BY_VALUE, DTYPES, read_setting
from weft.graph.document import (
    MOST_NAME,
    Block,
    Graph,
    Input,
    Node,
    Operand,
    Output,
    Ref,
    is_name,
)
from weft.graph.errors import GraphError
from weft.io.errors import shown

__all__ = ["BLOCKS", "FORMAT", "VERSION", "read_graph"]

FORMAT, VERSION = "weft.graph", 1
#: Bounds of one document, beyond those of the header that it stands in: what exceeds them is no
#: model but an attack, or a mistake.
MOST_NODES = 200_000
MOST_NAMES = 4096  # inputs and outputs of the graph, operands and results of a node
MOST_DEPTH = 16  # of blocks within blocks
MOST_DIMS = 64

#: The nodes that have blocks, and which.
BLOCKS = {"if": ("then", "else"), "loop": ("body",)}


def read_graph(text: str, origin: str) -> Graph:
    """Return the graph of a document.

    Raises:
        GraphError: it breaks a rule; the message says which, where and with what value.
    """
    return _Reader(origin).graph(_parsed(text, origin))


def _parsed(text: str, origin: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refused,
            parse_int=_integer,
        )
    except (ValueError, RecursionError) as error:
        raise GraphError(f"{origin}: the graph is JSON, but {error}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refused(literal: str) -> NoReturn:
    raise ValueError(f'{literal} stands in it, which is written as the text "inf" or "nan"')


def _integer(literal: str) -> int:
    if len(literal) > 20:
        raise ValueError(f"{shown(literal)} stands in it, more than 64 bits")
    return int(literal)


class _Reader:
    """Makes records of plain JSON, and knows the file's name for its errors."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._nodes = 0

    def _wrong(self, where: str, required: str, value: Any) -> GraphError:
        return GraphError(f"{self._origin}: {where} must be {required}, but is {shown(value)}")

    def _object(
        self, value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(where, "an object", value)
        for key in value:
            if key not in required and key not in optional:
                raise GraphError(
                    f"{self._origin}: {where} has {shown(key)}; its keys are "
                    f"{' '.join((*required, *optional))}{did_you_mean(key, required + optional)}"
                )
        for key in required:
            if key not in value:
                raise GraphError(f"{self._origin}: {where} lacks {key!r}")
        return value

    def _list(self, value: Any, where: str, make: Callable[[Any, str], Any], most: int) -> Any:
        if not isinstance(value, list) or len(value) > most:
            what = value if not isinstance(value, list) else f"a list of {len(value)}"
            raise self._wrong(where, f"a list of at most {most}", what)
        return tuple(make(item, f"{where}[{place}]") for place, item in enumerate(value))

    def _name(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not is_name(value):
            raise self._wrong(where, f"a printable text of 1 to {MOST_NAME} characters", value)
        return value

    def graph(self, data: Any) -> Graph:
        """Return the graph that a whole document is."""
        required = ("format", "version", "inputs", "nodes", "outputs", "parameters")
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            what = data.get("format") if isinstance(data, dict) else data
            raise self._wrong("the graph's format", repr(FORMAT), what)
        if data.get("version") != VERSION or isinstance(data.get("version"), bool):
            raise GraphError(
                f"{self._origin}: this weft reads version {VERSION} of the graph format, but the "
                f"file has version {shown(data.get('version'))}; a newer weft may read it"
            )
        self._object(data, "the graph", required)
        parameters = self._list(data["parameters"], "parameters", self._name, MOST_NODES)
        if len(set(parameters)) != len(parameters):
            raise GraphError(f"{self._origin}: a name comes twice in parameters")
        return Graph(
            self._list(data["inputs"], "inputs", self._input, MOST_NAMES),
            self._list(data["nodes"], "nodes", self._node(0), MOST_NODES),
            self._list(data["outputs"], "outputs", self._output, MOST_NAMES),
            frozenset(parameters),
        )

    def _input(self, value: Any, where: str) -> Input:
        data = self._object(value, where, ("name", "dtype", "shape"))
        dtype = data["dtype"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise self._wrong(f"{where}.dtype", f"one of {' '.join(DTYPES)}", dtype)
        shape = data["shape"]
        if shape is not None:
            shape = self._list(shape, f"{where}.shape", self._dim, MOST_DIMS)
        return Input(self._name(data["name"], f"{where}.name"), dtype, shape)

    def _dim(self, value: Any, where: str) -> int | str | None:
        if value is None:
            return None
        if isinstance(value, str):
            return self._name(value, where)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            raise self._wrong(where, "a size, the name of one, or null", value)
        return value

    def _output(self, value: Any, where: str) -> Output:
        data = self._object(value, where, ("name", "value"))
        return Output(
            self._name(data["name"], f"{where}.name"), self._name(data["value"], f"{where}.value")
        )

    def _node(self, depth: int) -> Callable[[Any, str], Node]:
        return lambda value, where: self._read_node(value, where, depth)

    def _read_node(self, value: Any, where: str, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise GraphError(
                f"{self._origin}: a graph may have {MOST_NODES} nodes, those in blocks too, but "
                f"this one has more"
            )
        op = value.get("op") if isinstance(value, dict) else None
        if isinstance(op, str) and op in BLOCKS:
            return self._block_node(op, value, where, depth)
        data = self._object(value, where, ("op", "in", "out"), ("set",))
        function = FUNCTIONS.get(op) if isinstance(op, str) else None
        if function is None:
            hint = did_you_mean(op, FUNCTIONS) if isinstance(op, str) else ""
            raise GraphError(
                f"{self._origin}: {where}.op must be a function that graphs may call, as "
                f"weft.graph.functions() lists them, but is {shown(op)}{hint}"
            )
        where = f"{where} ({op})"
        inputs = self._list(data["in"], f"{where}.in", self._operand, MOST_NAMES)
        outputs = self._list(data["out"], f"{where}.out", self._result, MOST_NAMES)
        settings = self._settings(function, data.get("set", {}), where)
        return Node(function.name, inputs, outputs, settings)

    def _block_node(self, op: str, value: Any, where: str, depth: int) -> Node:
        names = BLOCKS[op]
        data = self._object(value, where, ("op", "in", "out", *names))
        where = f"{where} ({op})"
        if depth == MOST_DEPTH:
            raise GraphError(f"{self._origin}: {where} is nested more than {MOST_DEPTH} deep")
        inputs = self._list(data["in"], f"{where}.in", self._operand, MOST_NAMES)
        outputs = self._list(data["out"], f"{where}.out", self._result, MOST_NAMES)
        blocks = {name: self._block(data[name], f"{where}.{name}", depth + 1) for name in names}
        return Node(op, inputs, outputs, blocks=blocks)

    def _block(self, value: Any, where: str, depth: int) -> Block:
        data = self._object(value, where, ("in", "nodes", "out"))
        return Block(
            self._list(data["in"], f"{where}.in", self._name, MOST_NAMES),
            self._list(data["nodes"], f"{where}.nodes", self._node(depth), MOST_NODES),
            self._list(data["out"], f"{where}.out", self._name, MOST_NAMES),
        )

    def _operand(self, value: Any, where: str) -> Operand:
        if value is None or isinstance(value, str):
            return None if value is None else self._name(value, where)
        try:
            number: float | int = read_setting("float", value)
        except ValueError:
            raise self._wrong(where, "the name of a value, a number, or null", value) from None
        return number

    def _result(self, value: Any, where: str) -> str | None:
        return None if value is None else self._name(value, where)

    def _settings(self, function: Function, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(f"{where}.set", "an object", value)
        found = {}
        for name, given in value.items():
            setting = function.settings.get(name)
            if setting is None:
                known = " ".join(function.settings) or "none"
                raise GraphError(
                    f"{self._origin}: {where} has no setting {shown(name)}; its settings are: "
                    f"{known}{did_you_mean(name, function.settings)}"
                )
            place = f"{where}.set.{name}"
            if isinstance(given, dict):
                data = self._object(given, place, ("value",))
                if setting.kind not in BY_VALUE:
                    raise self._wrong(place, f"a {setting.kind} that stands in the file", given)
                found[name] = Ref(self._name(data["value"], f"{place}.value"))
                continue
            try:
                found[name] = read_setting(setting.kind, given)
            except ValueError as error:
                raise GraphError(f"{self._origin}: {place} {error}") from None
        lacking = [n for n, one in function.settings.items() if one.required and n not in found]
        if lacking:
            raise GraphError(f"{self._origin}: {where} lacks the setting {lacking[0]!r}")
        return found
