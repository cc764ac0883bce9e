"""The graph that a file becomes, node by node: what is constant is computed at once."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import weft
from weft import Tensor
from weft.graph._allowed import FUNCTIONS
from weft.graph._kinds import BY_VALUE, KINDS, MOST_ITEMS, read_setting, write_setting
from weft.graph._program import call_of
from weft.graph.document import Block, Graph, Input, Node, Operand, Output, Ref
from weft.graph.module import is_free

__all__ = ["MOST_FOLDED", "Builder", "Value"]

#: A constant result may have so many elements, or four times those that it is made of: a file of
#: a hundred bytes can ask for a tensor of any size.
MOST_FOLDED = 1 << 22
_FOLDED_GROWTH = 4
#: And all of them together so many, and eight times what the file holds: a chain of constants must
#: not take hours.
_FOLDED_TOGETHER = 1 << 26
#: Functions that go through their input in steps of Python, or make something on the way whose
#: size settings say: they are not run on outlines, whose dims cost nothing.
_STEPWISE = frozenset(
    "lstm_over gru_over rnn_over resize suppress_boxes mean_pool lp_pool range unique".split()
)
_LITERAL = ("float32", "float64", "int32", "int64")


class Value:
    """A value of the file: what it is called, and what is known of it already.

    Attributes:
        name: its name in the graph, or what a weight made of it will be called.
        constant: the tensor that it always is, or None.
        outline: a tensor on the meta device with its shape and dtype, where those are known.
        trained: whether a constant is made of the file's weights, and not of mere settings.
    """

    __slots__ = ("constant", "name", "outline", "stored", "trained")

    def __init__(
        self,
        name: str,
        *,
        constant: Tensor | None = None,
        outline: Tensor | None = None,
        trained: bool = False,
    ) -> None:
        self.name = name
        self.constant = constant
        if constant is not None:
            outline = _outline(tuple(constant.shape), constant.dtype)
        self.outline = outline
        self.trained = trained
        self.stored = constant is None

    @property
    def rank(self) -> int | None:
        """The number of dims, where it is known."""
        return None if self.outline is None else self.outline.ndim

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape, where it is known."""
        return None if self.outline is None else tuple(self.outline.shape)

    def numbers(self) -> Any:
        """The constant as plain numbers; None where it is not constant."""
        return None if self.constant is None else self.constant.tolist()


def _outline(shape: tuple[int, ...], dtype: weft.dtype) -> Tensor:
    return weft.empty(shape, dtype=dtype, device="meta")


class Builder:
    """Collects nodes and weights."""

    def __init__(self) -> None:
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self._weights: dict[str, Tensor] = {}
        self._parameters: set[str] = set()
        #: Names of values, and for weights every prefix of theirs too.
        self._taken: set[str] = set()
        self._counts: Counter[str] = Counter()  # how far names like one are numbered
        self._allowance = _FOLDED_TOGETHER

    def held(self, elements: int) -> None:
        """Count what the file holds, by which more may be computed at once."""
        self._allowance += 8 * elements

    def input(self, name: str, dtype: str, shape: tuple[int | str | None, ...] | None) -> Value:
        """Enter an input, which keeps its name."""
        self._inputs.append(Input(name, dtype, shape))
        self._taken.add(name)
        known = None
        if shape is not None and all(isinstance(dim, int) for dim in shape):
            known = _outline(tuple(int(dim or 0) for dim in shape), getattr(weft, dtype))
        return Value(name, outline=known)

    def fresh(self, hint: str) -> str:
        """Return a name like `hint` that no value has."""
        return self._numbered(re.sub(r"[^A-Za-z0-9_.-]+", "_", hint).strip("_.")[:200] or "value")

    def _numbered(self, base: str) -> str:
        name = base
        while name in self._taken:
            self._counts[base] += 1
            name = f"{base}_{self._counts[base]}"
        self._taken.add(name)
        return name

    def weight(self, value: Value) -> str:
        """Return the name under which a constant is a weight, entering it at its first use."""
        if value.stored:
            return value.name
        assert value.constant is not None
        parts = re.split(r"[./]+", re.sub(r"[^A-Za-z0-9_./-]+", "_", value.name[:200]))
        name = ""
        for part in filter(None, parts):
            part = part if is_free(part) else f"{part}_"
            # What is a weight cannot hold others: there the name goes on without a dot.
            name = f"{name}{'_' if name in self._weights else '.'}{part}" if name else part
        name = self._numbered(name or "constant")
        for end in (place for place, mark in enumerate(name) if mark == "."):
            self._taken.add(name[:end])
        self._weights[name] = value.constant
        if value.trained and (value.constant.is_floating_point() or value.constant.is_complex()):
            self._parameters.add(name)
        value.name, value.stored = name, True
        return name

    def emit(
        self,
        op: str,
        operands: Sequence[Value | float | None],
        *,
        outputs: int,
        hint: str,
        settings: Mapping[str, Any],
        late: bool = False,
    ) -> tuple[Value, ...]:
        """Enter a node, or compute it where all that it reads is constant.

        Args:
            op: a function of graphs.
            operands: what it reads.
            outputs: how many values it gives.
            hint: what these are called in the file.
            settings: its settings; a :class:`Value` is read as the graph runs, or now where it
                is constant.
            late: leave it to be computed as the graph runs, even if all of it is constant.
        """
        function = FUNCTIONS[op]
        given = {
            name: self._setting(function.settings[name].kind, value)
            for name, value in settings.items()
            if value is not None
        }
        for name, setting in function.settings.items():
            if setting.required and name not in given:
                raise ValueError(f"{op} needs {name}, which the node does not say as it must")
        while operands and operands[-1] is None:
            operands = operands[:-1]
        dynamic = any(isinstance(value, Ref) for value in given.values())
        outlines = None if dynamic else self._outlines(op, operands, given, outputs)
        constants = self._constants(operands)
        if constants is None or dynamic or late:
            affordable = False
        else:
            affordable = self._affords(constants, outlines, given)
        if constants is not None and affordable:
            trained = any(isinstance(x, Value) and x.trained for x in operands)
            return self._folded(op, constants, given, hint, trained)
        names = [self.fresh(hint if outputs == 1 else f"{hint}.{k}") for k in range(outputs)]
        # A number takes the dtype of the tensors beside it, and a condition is none of those.
        peers = operands[1:] if op == "where" else operands
        read = tuple(
            self._operand(x, function.operands[k][1] if not function.variadic else "", peers)
            for k, x in enumerate(operands)
        )
        self._nodes.append(Node(op, read, tuple(names), given))
        known = outlines or (None,) * outputs
        return tuple(Value(n, outline=o) for n, o in zip(names, known, strict=True))

    def _setting(self, kind: str, value: Any) -> Any:
        if not isinstance(value, Value):
            return value if isinstance(value, weft.dtype) else KINDS[kind](_listed(value))
        if value.constant is None:
            assert kind in BY_VALUE, kind
            return Ref(value.name)
        if value.constant.numel() > MOST_ITEMS:
            return Ref(self.weight(value))
        numbers = value.numbers()
        if isinstance(numbers, list) and not kind.endswith("s"):
            (numbers,) = numbers
        if kind == "bool":
            return bool(numbers)
        # what a file of the graph would not be read with must not come into the graph
        return read_setting(kind, write_setting(numbers))

    def _operand(
        self, x: Value | float | None, mark: str, peers: Sequence[Value | float | None]
    ) -> Operand:
        if not isinstance(x, Value):
            return x
        if (
            mark == "~"
            and x.constant is not None
            and not x.trained
            and x.constant.ndim == 0
            and x.constant.dtype.name in _LITERAL
            and any(isinstance(one, Value) and one.constant is None for one in peers)
        ):
            number: float | int = x.constant.item()
            if math.isfinite(number):
                return number
        return self.weight(x)

    def _constants(self, operands: Sequence[Value | float | None]) -> list[Any] | None:
        """Return the operands as tensors where all of them are constant, else None."""
        found = [x.constant if isinstance(x, Value) else x for x in operands]
        if any(f is None and isinstance(x, Value) for f, x in zip(found, operands, strict=True)):
            return None
        return found

    def _affords(
        self, constants: list[Any], outlines: tuple[Tensor, ...] | None, given: Mapping[str, Any]
    ) -> bool:
        """Whether a result may be computed at once; its size is taken off what is left."""
        used = sum(x.numel() for x in constants if isinstance(x, Tensor))
        if outlines is not None:
            made: float = sum(math.prod(one.shape) for one in outlines)
        else:
            made = max(used, _product(given))
        if made > max(MOST_FOLDED, _FOLDED_GROWTH * used) or made > self._allowance:
            return False
        self._allowance -= int(max(made, used))
        return True

    def _folded(
        self, op: str, constants: list[Any], given: Mapping[str, Any], hint: str, trained: bool
    ) -> tuple[Value, ...]:
        with weft.no_grad():
            got = call_of(op, given)(constants, None)
        several = got if isinstance(got, tuple | list) else (got,)
        return tuple(
            Value(hint if len(several) == 1 else f"{hint}.{k}", constant=one, trained=trained)
            for k, one in enumerate(several)
        )

    def _outlines(
        self,
        op: str,
        operands: Sequence[Value | float | None],
        given: Mapping[str, Any],
        outputs: int,
    ) -> tuple[Tensor, ...] | None:
        """Return shapes and dtypes of the results where those of all operands are known."""
        known = [x.outline if isinstance(x, Value) else x for x in operands]
        if any(k is None and isinstance(x, Value) for k, x in zip(known, operands, strict=True)):
            return None
        if op in _STEPWISE or not any(isinstance(x, Tensor) for x in known):
            return None
        try:
            with weft.no_grad():
                got = call_of(op, given)(known, None)
        except Exception:
            return None  # shapes that depend on values; what is truly wrong is said when it runs
        several = tuple(got) if isinstance(got, tuple | list) else (got,)
        if len(several) != outputs or any(x.device.type != "meta" for x in several):
            return None
        return several

    @contextmanager
    def block(self) -> Iterator[list[Node]]:
        """Collect what is emitted within in a list of its own."""
        outer, self._nodes = self._nodes, []
        try:
            yield self._nodes
        finally:
            self._nodes = outer

    def named(self, hint: str) -> Value:
        """Return a value that a block is given."""
        return Value(self.fresh(hint))

    def node_with_blocks(
        self,
        op: str,
        operands: Sequence[Value | None],
        blocks: Mapping[str, tuple[Sequence[Value], list[Node], Sequence[Value]]],
        *,
        outputs: int,
        hint: str,
    ) -> tuple[Value, ...]:
        """Enter an `if` or a `loop`."""
        made = {
            name: Block(
                tuple(one.name for one in inputs), tuple(nodes), tuple(map(self.weight, given))
            )
            for name, (inputs, nodes, given) in blocks.items()
        }
        names = tuple(self.fresh(hint if outputs == 1 else f"{hint}.{k}") for k in range(outputs))
        read = tuple(None if x is None else self.weight(x) for x in operands)
        self._nodes.append(Node(op, read, names, blocks=made))
        return tuple(map(Value, names))

    def finish(self, outputs: Sequence[tuple[str, Value]]) -> tuple[Graph, dict[str, Tensor]]:
        """Return the graph of these outputs, without what none of them needs, and its weights."""
        wanted = [Output(name, self.weight(value)) for name, value in outputs]
        needed = {one.value for one in wanted}
        kept: list[Node] = []
        for node in reversed(self._nodes):
            if needed.isdisjoint(name for name in node.outputs if name is not None):
                continue
            kept.append(node)
            needed.update(node.reads())
        weights = {name: x for name, x in self._weights.items() if name in needed}
        graph = Graph(
            tuple(self._inputs),
            tuple(reversed(kept)),
            tuple(wanted),
            frozenset(self._parameters & weights.keys()),
        )
        return graph, weights


def _product(given: Mapping[str, Any]) -> float:
    """Return how large a result may be that settings give the sizes of."""
    lists = [one if isinstance(one, tuple) else (one,) for one in given.values()]
    plain = [[abs(float(n)) for n in one if isinstance(n, int | float)] for one in lists]
    return max((math.prod(max(1.0, n) for n in one) for one in plain), default=1.0)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
