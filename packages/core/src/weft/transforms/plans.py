"""Plans: a backward pass that was met before, written out as one function of the graph's root.

Training builds the same graph at every step. The walk finds its way through it each time: which
node comes next, which rule it has, where each cotangent goes. When the same programs have run in
the same order often enough, what the walk did is written out as a function, node by node. It first
looks whether the graph is the one it was made for, down to each shape and number, and only then
begins; where anything differs the walk does the work as ever. It does the same sums in the same
order, so the bits are the same too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft._backend import ndarray
from weft._core.aval import Aval, Unsaved
from weft._core.errors import GradError
from weft._core.node import Leaf, Node, Pick
from weft._core.tensor import Tensor, wrap
from weft.transforms import leaves, lowering
from weft.transforms.lowering import is_large
from weft.transforms.sums import summed

#: ``plan(root, g, keep, targets, found)``: whether it knew the graph and did the work. Cotangents
#: of leaves go to their ``.grad``, or where there are targets, which are all leaves then, to found.
Plan = Callable[[Any, Any, bool, Any, dict[Any, Any]], bool]

#: Steps of a walk that is worth a plan.
LONGEST = 1500
#: Plans for one op at the root, and walks that are remembered.
_EACH, _REMEMBERED = 4, 256

_plans: dict[Any, list[_Kept]] = {}
#: How often the same programs ran in the same order.
_seen: dict[tuple[Any, ...], int] = {}
#: What the next walk from an op is expected to do, to be written down.
_due: dict[Any, tuple[Any, ...]] = {}


#: Who looks on while plans run; see :func:`watch`.
_watch: Watch | None = None


class Watch(NamedTuple):
    """What runs the parts of a plan for somebody who looks on.

    Attributes:
        rule: ``rule(node, program, *arrays)`` returns ``program(*arrays)``.
        summed: stands for :func:`weft.transforms.sums.summed`.
    """

    rule: Callable[..., Any]
    summed: Callable[..., Any]


def watch(who: Watch | None) -> None:
    """Have the plans of all threads run within what a watch has; None for nobody.

    Meanwhile no passes are noted for new plans: their programs may be what looks on put around
    them.
    """
    global _watch
    _watch = who


class _Kept:
    """A plan and how it has served."""

    __slots__ = ("_lines", "_scope", "_watched", "hits", "misses", "run")

    def __init__(self, lines: list[tuple[str, str]], scope: dict[str, Any]) -> None:
        self._lines, self._scope = lines, scope
        self._watched: Plan | None = None
        self.run = _compiled([plain for plain, _ in lines], scope)
        self.hits = self.misses = 0

    @property
    def watched(self) -> Plan:
        """The plan where somebody looks on."""
        if self._watched is None:
            own = {"rule": _rule, "summed": _summed, "accumulate": _accumulate, "added": _added}
            self._watched = _compiled([line for _, line in self._lines], {**self._scope, **own})
        return self._watched


def _rule(node: Node, program: Any, *arrays: Any) -> Any:
    return program(*arrays) if _watch is None else _watch.rule(node, program, *arrays)


def _summed(*args: Any) -> Any:
    return summed(*args) if _watch is None else _watch.summed(*args)


def _accumulate(*args: Any) -> None:
    leaves.accumulate(*args)  # looked up at each call: there others look on too


def _added(*args: Any) -> bool:
    return leaves.added(*args)


def _compiled(lines: list[str], scope: dict[str, Any]) -> Plan:
    exec("\n".join(lines), scope)  # of names that are made here alone
    made: Plan = scope.pop("plan")
    return made


def forget() -> None:
    """Forget all plans: a program in them may no longer hold."""
    _plans.clear()
    _seen.clear()
    _due.clear()


def _op_of(root: Any) -> Any:
    kind = type(root)
    return root.op if kind is Node else root.node.op if kind is Pick else None


def started(root: Any, g: Any, keep: bool, targets: Any, found: dict[Any, Any]) -> Any:
    """Run a plan for the graph under a node: True if there is one, else what notes the walk.

    None while somebody looks on and there is no plan: such a walk is not noted.
    """
    kept = _plans.get(_op_of(root), [])
    alone = _watch is None
    for one in kept:
        run = one.run if alone else one.watched
        if run(root, g, keep, targets, found):
            one.hits += 1
            return True
        one.misses += 1
        if one.misses > 8 + 4 * one.hits:  # graphs like it come, but not this one
            kept.remove(one)
            break
    return Steps(root, g) if alone else None


class Steps:
    """What a walk does, in order: its programs, and all the rest if its plan is to be written."""

    def __init__(self, root: Any, g: Any) -> None:
        self.op = _op_of(root)
        self.programs: list[Any] = []
        self.usual = self.op is not None  # nothing met yet that plans do not describe
        self.writer = _Writer(root, g) if self.op in _due else None

    def add(self, node: Any, program: Any, wanted: Sequence[bool] = ()) -> None:
        """Note one step, before what the node saved is freed.

        Args:
            node: the node.
            program: its lowered rule; its type if it has none.
            wanted: for which arguments a cotangent was wanted.
        """
        self.programs.append(program)
        if self.writer is not None:
            try:
                self.writer.add(node, program, wanted)
            except _Odd:
                self.usual = False
                self.writer = None

    def finish(self) -> None:
        """Remember the walk; keep its plan, or ask for it once it has come often enough."""
        if not self.usual or not self.programs or len(self.programs) > LONGEST:
            return
        key = tuple(self.programs)
        if self.writer is not None:
            if _due.pop(self.op, None) == key:
                kept = _plans.setdefault(self.op, [])
                kept.insert(0, self.writer.finished())
                del kept[_EACH:]
            return
        if len(_seen) > _REMEMBERED:
            _seen.clear()
        count = _seen[key] = _seen.get(key, 0) + 1
        if count == 2 + len(key) // 25:  # writing a long one takes as long as many walks
            _due[self.op] = key


def _twice(line: str | tuple[str, str]) -> tuple[str, str]:
    """Return a line of a plan as it is, and as it is where somebody looks on."""
    return (line, line) if isinstance(line, str) else line


class _Odd(Exception):
    """The graph holds what a plan does not describe."""


class _Writer:
    """Writes the function of one walk."""

    def __init__(self, root: Any, g: Any) -> None:
        self.checks: list[str] = []
        #: What is done, and how it is written where somebody looks on.
        self.work: list[str | tuple[str, str]] = []
        self.scope: dict[str, Any] = {
            "Aval": Aval,
            "GradError": GradError,
            "Leaf": Leaf,
            "Node": Node,
            "Pick": Pick,
            "Unsaved": Unsaved,
            "accumulate": leaves.accumulate,
            "added": leaves.added,
            "intact": intact,
            "ndarray": ndarray,
            "summed": summed,
            "wrap": wrap,
        }
        self.numbers: dict[Any, int] = {root: 0}
        self.leaves: list[int] = []
        self.waiting: set[str] = {"g0"}  # cotangents that were sent to
        self._check_array("g0", g)

    def add(self, node: Any, program: Any, wanted: Sequence[bool]) -> None:
        """Write one step."""
        if type(node) is Leaf:
            self._leaf(node)
        elif type(node) is Pick:
            self._pick(node)
        else:
            self._node(node, wanted, program)

    def finished(self) -> _Kept:
        """Return the function."""
        asked = ", ".join(f"n{i}" for i in self.leaves)
        lines: list[str | tuple[str, str]] = [
            "def plan(n0, g0, keep, targets, found):",
            " try:",
            *("  " + line for line in self.checks),
            f"  if targets is not None and targets != {{{asked}}}: return False",
            # GradError: an argument is read that this graph did not save
            " except (AttributeError, IndexError, TypeError, GradError):",
            "  return False",
            " o0 = False",
            *((" " + a, " " + b) for a, b in map(_twice, self.work)),
            " return True",
        ]
        self.numbers.clear()
        return _Kept([*map(_twice, lines)], self.scope)

    # --- what is looked at

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.scope)}"
        self.scope[name] = value
        return name

    def _require(self, test: str) -> None:
        self.checks.append(f"if not ({test}): return False")

    def _check_array(self, name: str, like: Any) -> None:
        dtype = self._constant(like.dtype)
        self._require(
            f"type({name}) is ndarray and {name}.shape == {like.shape!r} "
            f"and ({name}.dtype is {dtype} or {name}.dtype == {dtype})"
        )

    def _find(self, node: Any, place: str) -> int:
        """Name the node at a place, or require that it is the one met before."""
        number = self.numbers.get(node)
        if number is None:
            number = self.numbers[node] = len(self.numbers)
            self.checks.append(f"n{number} = {place}")
        else:
            self._require(f"{place} is n{number}")
        return number

    def _node(self, node: Node, wanted: Sequence[bool], program: Any) -> None:
        i = self.numbers[node]
        op: Any = node.op
        self._require(
            f"type(n{i}) is Node and n{i}.op is {self._constant(op)} and n{i}.hooks is None"
        )
        params = self._constant(node.params)
        self._require(f"n{i}.params is {params} or n{i}.params == {params}")
        args: Any = node.args
        self.checks.append(f"a{i} = n{i}.args")
        self._require(f"a{i} is not None and len(a{i}) == {len(args)}")
        if op.outputs == 1:
            arrays = [f"g{i}"]
            arrays += self._single_output(i, node)
        else:
            arrays = self._several_outputs(i, node)
        for j, a in enumerate(args):
            place = f"a{i}[{j}]"
            if type(a) is Unsaved:
                dtype = self._constant(a.dtype)
                self._require(
                    f"type({place}) is Unsaved and {place}.shape == {a.shape!r} "
                    f"and {place}.dtype == {dtype}"
                )
            elif isinstance(a, Tensor):
                name = f"d{i}_{j}"
                self.checks.append(f"{name} = {place}._data")
                self._check_array(name, a._data)
                arrays.append(name)
            elif a is None or a == a:
                value = self._constant(a)
                self._require(f"type({place}) is type({value}) and {place} == {value}")
            else:
                raise _Odd
        if node.versions:
            self._require(f"intact(n{i}.versions)")
        self._send(i, node, wanted, program, arrays)
        if any(map(is_large, (node.out, *args) if op.outputs == 1 else (*node.out, *args))):
            # as the walk does it: what was read is not kept till the plan ends
            self.work.append(" = ".join(["c", f"a{i}", f"r{i}", *arrays, "None"]))

    def _single_output(self, i: int, node: Node) -> list[str]:
        if node.out is None:
            self._require(f"n{i}.out is None")
            return []
        self.checks.append(f"r{i} = n{i}.out")
        self._check_array(f"r{i}", node.out)
        return [f"r{i}"]

    def _several_outputs(self, i: int, node: Node) -> list[str]:
        arrays = []
        self.checks.append(f"r{i} = n{i}.out")
        self._require(f"len(r{i}) == {len(node.out)}")
        for j, out in enumerate(node.out):
            if f"g{i}_{j}" in self.waiting:
                arrays.append(f"g{i}_{j}")
            if type(out) is Aval:
                dtype = self._constant(out.dtype)
                self._require(
                    f"type(r{i}[{j}]) is Aval and r{i}[{j}].shape == {tuple(out.shape)!r} "
                    f"and r{i}[{j}].dtype == {dtype}"
                )
            else:
                self.checks.append(f"r{i}_{j} = r{i}[{j}]")
                self._check_array(f"r{i}_{j}", out)
                arrays.append(f"r{i}_{j}")
        return arrays

    # --- what is done

    def _send(
        self, i: int, node: Node, wanted: Sequence[bool], program: Any, arrays: list[str]
    ) -> None:
        """Run a node's program and send what it gives to the node's parents."""
        given = []
        self.checks.append(f"p{i} = n{i}.parents")
        for j, (parent, want) in enumerate(zip(node.parents, wanted, strict=True)):
            if parent is None:
                self._require(f"p{i}[{j}] is None")
            elif not want:
                raise _Odd
            else:
                given.append((j, self._find(parent, f"p{i}[{j}]"), parent))
        called = self._constant(program)
        given_to = ", ".join(arrays)
        watched = f"c, f = rule(n{i}, {called}, {given_to})"
        self.work.append((f"c, f = {called}({given_to})", watched))
        nothing = program.gives_none
        for j, number, parent in given:
            if nothing[j]:
                continue
            # a node with several outputs is sent to by its picks alone
            self._receive(f"g{number}", f"o{number}", f"c[{j}]", f"f[{j}]")
            assert type(parent) is not Node or parent.op.outputs == 1
        if node.op.saves:
            self.work.append(f"if not keep: n{i}.args = None; n{i}.out = None; n{i}.versions = ()")

    def _receive(self, name: str, owned: str, value: str, new: str) -> None:
        if name in self.waiting:
            self.work.append(f"{name}, {owned} = summed({name}, {value}, {owned})")
        else:
            self.waiting.add(name)
            self.work.append(f"{name} = {value}; {owned} = {new}")

    def _leaf(self, node: Leaf) -> None:
        i = self.numbers[node]
        self._require(f"type(n{i}) is Leaf and n{i}.hooks is None")
        self.leaves.append(i)
        self.work.append(f"t = n{i}.tensor() if targets is None else None")
        self.work.append(f"if targets is not None: found[n{i}] = wrap(g{i})")
        self.work.append(
            f"elif t is not None and not added(t, g{i}): accumulate(t, wrap(g{i}), False, o{i})"
        )
        self.work.append(f"g{i} = None")

    def _pick(self, node: Pick) -> None:
        i = self.numbers[node]
        self._require(f"type(n{i}) is Pick and n{i}.hooks is None and n{i}.index == {node.index}")
        number = self._find(node.node, f"n{i}.node")
        place = f"g{number}_{node.index}"
        if place in self.waiting:
            raise _Odd
        self.waiting.add(place)
        self.work.append(f"{place} = g{i}; g{i} = None")


def intact(versions: Sequence[tuple[Any, int]]) -> bool:
    """Whether nothing that was saved has been written to since."""
    for saved, count in versions:
        if isinstance(saved, Tensor):
            if saved._version is not None and saved._version.writes.count != count:
                return False
        elif saved.count != count:
            return False
    return True


lowering.when_forgotten.append(forget)
