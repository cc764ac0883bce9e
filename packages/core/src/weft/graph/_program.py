"""A graph as a list of steps over numbered slots: what `GraphModule` runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.graph._allowed import FUNCTIONS
from weft.graph.document import Block, Graph, Node, Ref

__all__ = ["MOST_ROUNDS", "Program", "call_of", "read_value"]

_Slots = list[Any]
_Step = Callable[[_Slots], None]

#: A loop that would go round more often than this is refused: nothing else would end it.
MOST_ROUNDS = 1_000_000


class Program:
    """The steps of a graph.

    Args:
        graph: which `_checking` accepts.
        weights: the names of its weights, in the order in which their tensors are given.
    """

    def __init__(self, graph: Graph, weights: Sequence[str]) -> None:
        self._numbers: dict[str, int] = {}
        for name in (*(one.name for one in graph.inputs), *weights):
            self._number(name)
        self._constants: list[Any] = []
        last: dict[str, int] = {}
        for place, node in enumerate(graph.nodes):
            last.update(dict.fromkeys((*node.reads(), *node.defines()), place))
        kept = {one.value for one in graph.outputs} | set(weights)
        over: dict[int, list[int]] = {}
        for node in graph.nodes:
            for name in node.defines():
                self._number(name)
        for name, place in last.items():
            if name not in kept:
                over.setdefault(place, []).append(self._numbers[name])
        self._count = len(self._numbers)
        self._steps = self._made(graph.nodes)
        self._over = [tuple(over.get(place, ())) for place in range(len(graph.nodes))]
        self._results = [self._numbers[one.value] for one in graph.outputs]

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def __call__(self, given: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs, for the inputs and after them the weights."""
        slots = [*given, *[None] * (self._count - len(given)), *self._constants]
        for step, over in zip(self._steps, self._over, strict=True):
            step(slots)
            for place in over:
                slots[place] = None
        return [slots[place] for place in self._results]

    def _made(self, nodes: Sequence[Node]) -> list[_Step]:
        return [_MAKERS.get(node.op, Program._call)(self, node) for node in nodes]

    def _place(self, operand: Any) -> int:
        if isinstance(operand, str):
            return self._numbers[operand]
        self._constants.append(operand)
        return self._count + len(self._constants) - 1

    def _call(self, node: Node) -> _Step:
        function = FUNCTIONS[node.op]
        settings = {n: v for n, v in node.settings.items() if not isinstance(v, Ref)}
        refs = [
            (name, function.settings[name].kind, self._numbers[value.value])
            for name, value in node.settings.items()
            if isinstance(value, Ref)
        ]
        run = call_of(node.op, settings)
        places = tuple(map(self._place, node.inputs))
        results = tuple(None if n is None else self._numbers[n] for n in node.outputs)
        single = results[0] if function.outputs == 1 else None
        who, line = node.op, _line_of(node)

        def step(slots: _Slots) -> None:
            try:
                operands = [slots[place] for place in places]
                if refs:
                    read = {name: read_value(slots[at], kind, name) for name, kind, at in refs}
                    got = run(operands, read)
                else:
                    got = run(operands, None)
            except Exception as error:
                error.add_note(f"in the graph: {line}")
                raise
            if single is not None:
                slots[single] = got
                return
            if len(got) != len(results):
                raise ValueError(f"{who} gave {len(got)} values, not {len(results)}; {line}")
            for place, one in zip(results, got, strict=True):
                if place is not None:
                    slots[place] = one

        return step

    def _if(self, node: Node) -> _Step:
        condition = self._place(node.inputs[0])
        branches = [self._block(node.blocks[name]) for name in ("else", "then")]
        results = tuple(None if n is None else self._numbers[n] for n in node.outputs)

        def step(slots: _Slots) -> None:
            for place, one in zip(results, branches[_truth(slots[condition])](slots), strict=True):
                if place is not None:
                    slots[place] = one

        return step

    def _loop(self, node: Node) -> _Step:
        times, condition, *carried = map(self._place, node.inputs)
        body = node.blocks["body"]
        entries = [self._numbers[name] for name in body.inputs]
        run = self._block(body)
        results = tuple(None if n is None else self._numbers[n] for n in node.outputs)
        held = len(carried)

        def step(slots: _Slots) -> None:
            limit = MOST_ROUNDS + 1
            if slots[times] is not None:
                limit = min(limit, int(slots[times].item()))
            going = slots[condition] is None or bool(_truth(slots[condition]))
            state = [slots[place] for place in carried]
            rows: list[list[Tensor]] = [[] for _ in range(len(results) - held)]
            rounds = 0
            while going and rounds < limit:
                if rounds == MOST_ROUNDS:
                    raise RuntimeError(
                        f"a loop of the graph went round {MOST_ROUNDS} times and would go on"
                    )
                count = weft.tensor(rounds, dtype=weft.int64)
                for place, one in zip(entries, (count, weft.tensor(True), *state), strict=True):
                    slots[place] = one
                again, *given = run(slots)
                going, state = bool(_truth(again)), given[:held]
                for row, one in zip(rows, given[held:], strict=True):
                    row.append(one)
                rounds += 1
            if rows and rounds == 0:
                raise ValueError(
                    "a loop of the graph went round no time, so that nothing is known of what it "
                    "would have collected"
                )
            for result, one in zip(results, [*state, *map(weft.stack, rows)], strict=True):
                if result is not None:
                    slots[result] = one

        return step

    def _block(self, block: Block) -> Callable[[_Slots], list[Any]]:
        steps = self._made(block.nodes)
        results = [self._numbers[name] for name in block.outputs]
        inner = [self._numbers[name] for node in block.nodes for name in node.defines()]

        def run(slots: _Slots) -> list[Any]:
            for step in steps:
                step(slots)
            got = [slots[place] for place in results]
            for place in inner:
                slots[place] = None
            return got

        return run


_MAKERS: Mapping[str, Callable[[Program, Node], _Step]] = {
    "if": Program._if,
    "loop": Program._loop,
}


def call_of(op: str, settings: Mapping[str, Any]) -> Callable[[Sequence[Any], Any], Any]:
    """Return `run(operands, read)`, which calls a function with operands in the order of its line.

    `read` has the settings that are read from values, or is None.
    """
    function = FUNCTIONS[op]
    call, fixed = function.call, dict(settings)
    if function.variadic:
        return lambda operands, read: call(operands, **fixed, **(read or {}))
    names = [name for name, _ in function.operands]
    leading = [
        name
        for name, parameter in inspect.signature(call).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if leading[: len(names)] == names:
        if not fixed:
            return lambda operands, read: call(*operands, **(read or {}))
        return lambda operands, read: call(*operands, **fixed, **(read or {}))

    def by_name(operands: Sequence[Any], read: Any) -> Any:
        named = {n: x for n, x in zip(names, operands, strict=False) if x is not None}
        return call(**named, **fixed, **(read or {}))

    return by_name


def read_value(x: Tensor, kind: str, name: str) -> Any:
    """Return the value of a setting that is a tensor: a number of one element, a list of a row."""
    if x.ndim > 1 or (x.ndim == 1 and x.shape[0] != 1 and not kind.endswith("s")):
        raise ValueError(
            f"the setting {name} is read from a value, which must have "
            f"{'one dim' if kind.endswith('s') else 'one element'}, but its shape is "
            f"{tuple(x.shape)}"
        )
    if kind in ("int", "ints") and (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"the setting {name} is of integers, but its value is {x.dtype}")
    value = x.tolist()
    if kind == "bool":
        return bool(value[0] if isinstance(value, list) else value)
    if kind.endswith("s"):
        return tuple(value) if isinstance(value, list) else value
    return value[0] if isinstance(value, list) else value


def _truth(x: Tensor) -> int:
    """Return 1 or 0 for a condition."""
    if x.numel() != 1:
        raise ValueError(f"a condition of the graph must be one element, not of {tuple(x.shape)}")
    return int(bool(x.item()))


def _line_of(node: Node) -> str:
    """Return a node as one line for messages."""
    names = ", ".join("-" if x is None else str(x) for x in node.inputs)
    given = " ".join(str(name) for name in node.outputs if name is not None)
    return f"{given} = {node.op}({names})"[:300]
