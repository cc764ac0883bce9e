"""A pickle interpreter of our own: it builds plain data, and calls nothing that a file names.

Python's pickle is a language whose programs may call any function. This machine knows the words of
that language which write numbers, text, lists, tuples, dicts and sets. A name in the file is never
imported: it is looked up in a fixed table (the `Vocabulary`), and what the table gives are our own
functions, which check every argument. Work and memory are bounded by the limits below.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ._pickle_opcodes import opcodes
from ._pickle_result import InertObject, NotAValue, require_plain_tree
from .errors import FormatError, UnsafeCheckpointError, Where, shown

__all__ = ["Budget", "Constructor", "InertClass", "Machine", "Vocabulary"]

MAX_MEMO = 1_500_000  # a tensor takes about 10 places
# What may be built: a container is 1, each element copied by a constructor 1, a tensor 4 more.
# A checkpoint spends about 10 for each tensor, so these are 200,000 tensors, and half a gigabyte of
# memory at the very worst.
MAX_UNITS = 2_000_000
# Wider numbers share hashes by the million (Python takes them modulo 2**61 - 1), and a dict of such
# keys needs time that grows with the square of its size.
MAX_KEY = 2**60


class Budget:
    """Counts what a pickle has had built, and ends it at a limit."""

    def __init__(self) -> None:
        self._left = self._all = MAX_UNITS

    def spend(self, units: int, where: Where) -> None:
        """Take `units` off.

        Raises:
            UnsafeCheckpointError: not so many are left.
        """
        self._left -= units
        if self._left < 0:
            raise UnsafeCheckpointError(
                f"{where}: the pickle builds more than {self._all} containers and elements, enough "
                "for 200,000 tensors; nothing was executed"
            )


@dataclass(frozen=True, slots=True, repr=False)
class Constructor(NotAValue):
    """A name that a pickle may call. What runs is `build`, ours, on arguments it checks itself."""

    name: str
    build: Callable[[tuple[object, ...], Where], object]

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, repr=False)
class InertClass(NotAValue):
    """A class that a pickle may make objects of; they keep their attributes and do nothing."""

    name: str

    def __repr__(self) -> str:
        return shown(self.name)  # any text may stand here


class Vocabulary(Protocol):
    """What the names and the persistent ids of a pickle stand for."""

    def named(self, module: str, name: str, where: Where) -> object:
        """Return a value, Constructor or InertClass for a name, or raise UnsafeCheckpointError."""

    def persistent(self, key: object, where: Where) -> object:
        """Return what a persistent id stands for, or raise."""


class _Step:
    """Where in a pickle the machine is: its text is made only when a message needs it."""

    __slots__ = ("_origin", "calling", "name", "position")

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.position = 0
        self.name = ""  # of the opcode
        self.calling: Constructor | None = None

    def __str__(self) -> str:
        place = f"{self._origin}, byte {self.position}"
        return place if self.calling is None else f"{place}: {self.calling.name}"


class Machine:
    """Interprets one pickle."""

    def __init__(self, vocabulary: Vocabulary, budget: Budget, origin: str) -> None:
        self._vocabulary = vocabulary
        self._budget = budget
        self._origin = origin
        self._where = _Step(origin)
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._floor = 0  # where the newest mark is; a value under it is out of reach
        self._memo: dict[int, object] = {}

    def run(self, data: memoryview) -> tuple[object, int]:
        """Interpret the pickle at the beginning of `data`; return its value and its length.

        Raises:
            UnsafeCheckpointError: it names something outside the vocabulary, or is a bomb.
            FormatError: it is cut short or malformed.
        """
        where, steps, stack = self._where, _STEPS, self._stack
        for name, argument, position in opcodes(data, self._origin):
            where.position = position
            step = steps[name]
            if step is None:
                stack.append(argument)
            else:
                where.name = name
                step(self, argument)
        value = self._pop()
        if self._stack or self._marks:
            raise FormatError(f"{self._where}: STOP with {len(self._stack)} values left over")
        require_plain_tree(value, self._origin)
        return value, where.position + 1

    # The stack.

    def _pop(self) -> object:
        if len(self._stack) <= self._floor:
            raise self._empty()
        return self._stack.pop()

    def _top(self) -> object:
        if len(self._stack) <= self._floor:
            raise self._empty()
        return self._stack[-1]

    def _empty(self) -> FormatError:
        return FormatError(f"{self._where}: a value was required, but the stack is empty")

    def _pop_to_mark(self) -> list[object]:
        if not self._marks:
            raise FormatError(f"{self._where}: a mark was required, but there is none")
        height = self._marks.pop()
        self._floor = self._marks[-1] if self._marks else 0
        values = self._stack[height:]
        del self._stack[height:]
        return values

    # One method for each group of opcodes.

    def _protocol(self, argument: object) -> None:
        if argument not in (2, 3, 4, 5):
            raise FormatError(
                f"{self._where}: pickle protocol {argument}; 2 to 5 are read, and "
                "torch.save writes 2 by default"
            )

    def _nothing(self, argument: object) -> None:
        """STOP ends the loop; FRAME only helps a reader of streams."""

    def _mark(self, argument: object) -> None:
        self._floor = len(self._stack)
        self._marks.append(self._floor)

    def _drop(self, argument: object) -> None:
        self._pop()

    def _drop_to_mark(self, argument: object) -> None:
        self._pop_to_mark()

    def _constant(self, argument: object) -> None:
        self._stack.append(_CONSTANTS[self._where.name])

    def _new(self, argument: object) -> None:
        self._budget.spend(1, self._where)
        self._stack.append(_EMPTY[self._where.name]())

    def _bytearray(self, argument: object) -> None:
        assert isinstance(argument, bytes)
        self._stack.append(bytearray(argument))

    def _tuple(self, argument: object) -> None:
        self._budget.spend(1, self._where)
        self._stack.append(tuple(self._pop_to_mark()))

    def _tuple_1(self, argument: object) -> None:
        self._short_tuple(1)

    def _tuple_2(self, argument: object) -> None:
        self._short_tuple(2)

    def _tuple_3(self, argument: object) -> None:
        self._short_tuple(3)

    def _short_tuple(self, count: int) -> None:
        self._budget.spend(1, self._where)
        if len(self._stack) - count < self._floor:
            raise self._empty()
        self._stack[-count:] = (tuple(self._stack[-count:]),)

    def _append(self, argument: object) -> None:
        self._extend([self._pop()])

    def _appends(self, argument: object) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[object]) -> None:
        target = self._top()
        if type(target) is not list:
            raise self._not_a("list", target)
        target.extend(values)

    def _set_items(self, argument: object) -> None:
        if self._where.name == "SETITEMS":
            values = self._pop_to_mark()
        else:
            values = [self._pop(), self._pop()][::-1]
        target = self._top()
        if type(target) is not dict and type(target) is not OrderedDict:
            raise self._not_a("dict", target)
        if len(values) % 2:
            raise FormatError(f"{self._where}: a key without its value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            require_key(key, self._where)
            target[key] = value

    def _add_items(self, argument: object) -> None:
        values = self._pop_to_mark()
        target = self._top()
        if type(target) is not set:
            raise self._not_a("set", target)
        for value in values:
            require_key(value, self._where)
            target.add(value)

    def _get(self, argument: object) -> None:
        assert isinstance(argument, int)
        if argument not in self._memo:
            raise FormatError(f"{self._where}: memo place {argument} is read but not set")
        self._stack.append(self._memo[argument])

    def _put(self, argument: object) -> None:
        assert argument is None or isinstance(argument, int)
        memo = self._memo
        memo[len(memo) if argument is None else argument] = self._top()
        if len(memo) > MAX_MEMO:
            raise UnsafeCheckpointError(
                f"{self._where}: the pickle remembers more than {MAX_MEMO} values; "
                "nothing was executed"
            )

    def _global(self, argument: object) -> None:
        if argument is None:  # STACK_GLOBAL
            name, module = self._pop(), self._pop()
        else:
            assert isinstance(argument, tuple)
            module, name = argument
        if type(module) is not str or type(name) is not str:
            raise UnsafeCheckpointError(
                f"{self._where}: a name is made of two strings, but here of {shown(module)} and "
                f"{shown(name)}; nothing was executed"
            )
        self._stack.append(self._vocabulary.named(module, name, self._where))

    def _reduce(self, argument: object) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Constructor):
            raise UnsafeCheckpointError(
                f"{self._where}: the checkpoint calls {shown(function)}, which is nothing that "
                "may be called; nothing was executed"
            )
        if type(arguments) is not tuple:
            raise self._not_a("tuple of arguments", arguments)
        self._where.calling = function
        self._stack.append(function.build(arguments, self._where))
        self._where.calling = None

    def _new_object(self, argument: object) -> None:
        arguments, kind = self._pop(), self._pop()
        if not isinstance(kind, InertClass) or type(arguments) is not tuple or arguments:
            raise UnsafeCheckpointError(
                f"{self._where}: the checkpoint makes an object of {shown(kind)} with "
                f"{shown(arguments)}; nothing was executed"
            )
        self._budget.spend(2, self._where)
        self._stack.append(InertObject(kind.name))

    def _build(self, argument: object) -> None:
        """Set an object's state: an inert object's, or the version notes of a state dict."""
        state, target = self._pop(), self._top()
        if isinstance(target, InertObject):
            if type(state) is not dict:
                raise FormatError(f"{self._where}: the state of {target!r} is {shown(state)}")
            target.state = state
            return
        if type(target) is not OrderedDict:
            raise UnsafeCheckpointError(
                f"{self._where}: the checkpoint sets attributes of a "
                f"{type(target).__name__}; nothing was executed"
            )
        notes = state.get("_metadata") if type(state) is dict and len(state) == 1 else None
        if type(notes) is not dict and type(notes) is not OrderedDict:
            raise UnsafeCheckpointError(
                f"{self._where}: the checkpoint sets attributes of an OrderedDict other than the "
                f"_metadata of a state dict: {shown(state)}; nothing was executed"
            )
        vars(target)["_metadata"] = notes

    def _persistent(self, argument: object) -> None:
        self._stack.append(self._vocabulary.persistent(self._pop(), self._where))

    def _not_a(self, wanted: str, found: object) -> FormatError:
        return FormatError(
            f"{self._where}: {self._where.name} needs a {wanted}, but found {type(found).__name__}"
        )


def require_key(key: object, where: Where) -> None:
    """Refuse a dict key or set element that is not plain.

    Tuples are out with the rest: their hashes can be made to collide, which turns a dict of them
    into hours of work, and no state dict has them.
    """
    kind = type(key)
    if kind is str or key is None or kind is bool or kind is float or kind is bytes:
        return
    if type(key) is int and abs(key) < MAX_KEY:
        return
    raise FormatError(
        f"{where}: a key is text, bytes, a number below 2**60 or None, but here a {kind.__name__}: "
        f"{shown(key)}"
    )


_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], object]] = {
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
#: What each opcode does, by its name. None: its argument is the value that it pushes.
_STEPS: dict[str, Callable[[Machine, object], None] | None] = {
    "PROTO": Machine._protocol,
    "STOP": Machine._nothing,
    "FRAME": Machine._nothing,
    "MARK": Machine._mark,
    "POP": Machine._drop,
    "POP_MARK": Machine._drop_to_mark,
    **dict.fromkeys(_CONSTANTS, Machine._constant),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4")),
    "BINFLOAT": None,
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING")),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8")),
    "BYTEARRAY8": Machine._bytearray,
    **dict.fromkeys(_EMPTY, Machine._new),
    "TUPLE": Machine._tuple,
    "TUPLE1": Machine._tuple_1,
    "TUPLE2": Machine._tuple_2,
    "TUPLE3": Machine._tuple_3,
    "APPEND": Machine._append,
    "APPENDS": Machine._appends,
    **dict.fromkeys(("SETITEM", "SETITEMS"), Machine._set_items),
    "ADDITEMS": Machine._add_items,
    **dict.fromkeys(("BINGET", "LONG_BINGET"), Machine._get),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), Machine._put),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), Machine._global),
    "REDUCE": Machine._reduce,
    "BUILD": Machine._build,
    "NEWOBJ": Machine._new_object,
    "BINPERSID": Machine._persistent,
}
