"""LLVM's intermediate language as text: values with their types, and the instructions on them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from weft._backend.cpu.language import types as t
from weft._backend.cpu.language.types import Pointer, Type

_EXACT = "contract "
_LOOSE = "reassoc contract "


@dataclass(frozen=True)
class Value:
    """What an expression gives: the register or literal that holds it, and its type."""

    text: str
    type: Any  # a Type or a Pointer


@dataclass(frozen=True)
class Array:
    """Numbers of a fixed count that a kernel keeps for itself."""

    pointer: Value
    count: int


class TypeMisfit(TypeError):
    """An expression puts together what the language does not."""


class Emitter:
    """Writes the body of one function."""

    def __init__(self) -> None:
        self.slots: list[str] = []  # variables, which stand at the function's head
        self.lines: list[str] = []
        self.metadata: list[str] = []
        self.externals: dict[str, str] = {}  # declarations of intrinsics
        self.count = 0
        self.meets = False  # whether threads wait for each other
        self.loose = True  # whether sums may be reordered
        self.group = ""  # of the loop whose accesses are independent
        self.functions: dict[Any, str] = {}  # that stand beside this one: their texts
        self.alone = False  # whether it is one of those, which know of no threads

    def beside(self) -> Emitter:
        """Return what writes the body of another function of the module."""
        other = Emitter()
        other.metadata, other.externals = self.metadata, self.externals
        other.functions, other.alone = self.functions, True
        return other

    # --- text

    def register(self) -> str:
        """Return a new name."""
        self.count += 1
        return f"%r{self.count}"

    def label(self, hint: str) -> str:
        """Return a new name of a block."""
        self.count += 1
        return f"{hint}{self.count}"

    def say(self, line: str) -> None:
        """Write one instruction."""
        self.lines.append("  " + line)

    def begin(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")

    def make(self, type: Type | Pointer, instruction: str) -> Value:
        """Write an instruction that gives a value."""
        name = self.register()
        self.say(f"{name} = {instruction}")
        return Value(name, type)

    def node(self, content: str) -> str:
        """Write a node of metadata."""
        name = f"!{len(self.metadata)}"
        self.metadata.append(f"{name} = distinct !{{{content.replace('self', name)}}}")
        return name

    @property
    def flags(self) -> str:
        """What arithmetic may do."""
        return _LOOSE if self.loose else _EXACT

    # --- numbers

    def number(self, value: bool | int | float, type: Type) -> Value:
        """Return a literal of a type."""
        if type.lanes > 1:
            one = self.number(value, type.element)
            return Value(f"splat ({one.type.llvm} {one.text})", type)
        if type.kind == "f":
            if type is t.f32:
                value = struct.unpack("f", struct.pack("f", _in_range(float(value))))[0]
            bits = struct.unpack("<Q", struct.pack("<d", float(value)))[0]
            return Value(f"0x{bits:016X}", type)
        if type.kind == "b":
            return Value("true" if value else "false", type)
        if value != int(value):
            raise TypeMisfit(f"{value} is no number of type {type}")
        return Value(str(int(value)), type)

    def convert(self, value: Value, to: Type) -> Value:
        """Return a number as one of another type: towards zero from float to integer."""
        have = value.type
        if isinstance(have, Pointer):
            raise TypeMisfit(f"an address is no {to}")
        if have is to:
            return value
        if have.lanes > 1 or to.lanes > 1:
            if have.lanes > 1:
                raise TypeMisfit(f"{have} is no {to}")
            return self._spread(self.convert(value, to.element), to)
        if have.kind == "f" and to.kind == "f":
            return self._between_floats(value, have, to)
        if to.kind == "b":
            test = "fcmp une" if have.kind == "f" else "icmp ne"
            zero = self.number(0, have).text
            return self.make(to, f"{test} {have.llvm} {value.text}, {zero}")
        if have.kind == "f":
            how = "fptoui" if to.kind == "u" else "fptosi"
            return self.make(to, f"{how} {have.llvm} {value.text} to {to.llvm}")
        if to.kind == "f":
            if to in (t.f16, t.bf16):
                return self.convert(self.convert(value, t.f32), to)
            how = "sitofp" if have.kind == "i" else "uitofp"
            return self.make(to, f"{how} {have.llvm} {value.text} to {to.llvm}")
        if to.bits == have.bits:
            return Value(value.text, to)
        how = "trunc" if to.bits < have.bits else "sext" if have.kind == "i" else "zext"
        return self.make(to, f"{how} {have.llvm} {value.text} to {to.llvm}")

    def _spread(self, value: Value, to: Type) -> Value:
        """Return one number many times."""
        first = f"insertelement {to.llvm} poison, {value.type.llvm} {value.text}, i64 0"
        one = self.make(to, first)
        mask = f"<{to.lanes} x i32> zeroinitializer"
        return self.make(to, f"shufflevector {to.llvm} {one.text}, {to.llvm} poison, {mask}")

    def _between_floats(self, value: Value, have: Type, to: Type) -> Value:
        if have is t.bf16:
            wide = self.make(t.i32, f"zext i16 {self._word(value).text} to i32")
            high = self.make(t.i32, f"shl i32 {wide.text}, 16")
            single = self.make(t.f32, f"bitcast i32 {high.text} to float")
            return self.convert(single, to)
        if to is t.bf16:
            return self._to_bf16(self.convert(value, t.f32))
        if {have, to} == {t.f16, t.f64}:
            return self.convert(self.convert(value, t.f32), to)
        if to is t.f16:  # else LLVM joins the rounding with one from f64, by a slow library call
            value = self.intrinsic("canonicalize", have, value)
        how = "fpext" if to.bits > have.bits else "fptrunc"
        return self.make(to, f"{how} {have.llvm} {value.text} to {to.llvm}")

    def _word(self, value: Value) -> Value:
        return Value(value.text, t.u16)  # bfloat16 is carried as its 16 bits

    def _to_bf16(self, value: Value) -> Value:
        """Round to the nearest bfloat16, ties to even; NaN stays NaN."""
        bits = self.make(t.u32, f"bitcast float {value.text} to i32")
        high = self.make(t.u32, f"lshr i32 {bits.text}, 16")
        odd = self.make(t.u32, f"and i32 {high.text}, 1")
        bias = self.make(t.u32, f"add i32 {odd.text}, 32767")
        rounded = self.make(t.u32, f"add i32 {bits.text}, {bias.text}")
        cut = self.make(t.u32, f"lshr i32 {rounded.text}, 16")
        quiet = self.make(t.u32, f"or i32 {high.text}, 64")
        nan = self.make(t.boolean, f"fcmp uno float {value.text}, {value.text}")
        chosen = self.make(t.u32, f"select i1 {nan.text}, i32 {quiet.text}, i32 {cut.text}")
        word = self.make(t.u16, f"trunc i32 {chosen.text} to i16")
        return Value(word.text, t.bf16)

    # --- memory

    def variable(self, type: Type | Pointer) -> str:
        """Return the slot of a new variable."""
        name = self.register()
        memory = "ptr" if isinstance(type, Pointer) else type.llvm
        self.slots.append(f"  {name} = alloca {memory}")
        return name

    def local(self, type: Type, count: int) -> Array:
        """Return numbers that the kernel keeps for itself."""
        name = self.register()
        self.slots.append(f"  {name} = alloca [{count} x {type.memory}], align 64")
        return Array(Value(name, Pointer(type)), count)

    def get(self, slot: str, type: Type | Pointer) -> Value:
        """Read a variable."""
        return self.make(type, f"load {type.llvm}, ptr {slot}")

    def put(self, slot: str, value: Value) -> None:
        """Write a variable."""
        self.say(f"store {value.type.llvm} {value.text}, ptr {slot}")

    def step(self, pointer: Value, index: Value) -> Value:
        """Return the address of the element at an index."""
        assert isinstance(pointer.type, Pointer)
        wide = self.convert(index, t.i64)
        memory = pointer.type.to.memory
        return self.make(
            pointer.type, f"getelementptr inbounds {memory}, ptr {pointer.text}, i64 {wide.text}"
        )

    def load(self, pointer: Value, index: Value) -> Value:
        """Read an element, as what it is computed as."""
        place = self.step(pointer, index)
        to: Type = pointer.type.to
        raw = self.make(to, f"load {to.memory}, ptr {place.text}, align {to.size}{self.group}")
        if to is t.boolean:
            return self.make(to, f"icmp ne i8 {raw.text}, 0")
        return self.convert(raw, to.compute)

    def store(self, pointer: Value, index: Value, value: Value) -> None:
        """Write an element, rounded to the type in memory."""
        place = self.step(pointer, index)
        to: Type = pointer.type.to
        cast = self.convert(value, to)
        if to is t.boolean:
            cast = self.make(t.u8, f"zext i1 {cast.text} to i8")
        self.say(f"store {to.memory} {cast.text}, ptr {place.text}, align {to.size}{self.group}")

    def load_several(self, pointer: Value, count: Value | None = None) -> Value:
        """Read as many elements as make up 64 bytes; of fewer, 0 for the rest."""
        to = self._lanes_of(pointer)
        one = to.element.size
        if count is None:
            return self.make(to, f"load {to.llvm}, ptr {pointer.text}, align {one}{self.group}")
        full = f"llvm.masked.load.{self._suffix(to)}.p0"
        mask = f"<{to.lanes} x i1>"
        self.externals[full] = f"declare {to.llvm} @{full}(ptr, i32, {mask}, {to.llvm})"
        return self.make(
            to,
            f"call {to.llvm} @{full}(ptr {pointer.text}, i32 {one}, {mask} "
            f"{self._first(to, count).text}, {to.llvm} zeroinitializer)",
        )

    def store_several(self, pointer: Value, value: Value, count: Value | None = None) -> None:
        """Write as many elements, or the first ones of them."""
        to = self._lanes_of(pointer)
        cast = self.convert(value, to)
        one = to.element.size
        if count is None:
            self.say(f"store {to.llvm} {cast.text}, ptr {pointer.text}, align {one}{self.group}")
            return
        full = f"llvm.masked.store.{self._suffix(to)}.p0"
        mask = f"<{to.lanes} x i1>"
        self.externals[full] = f"declare void @{full}({to.llvm}, ptr, i32, {mask})"
        self.say(
            f"call void @{full}({to.llvm} {cast.text}, ptr {pointer.text}, i32 {one}, {mask} "
            f"{self._first(to, count).text})"
        )

    def turn(self, to: Value, to_step: Value, x: Value, x_step: Value) -> None:
        """Put a square of several rows of several numbers transposed to another place."""
        x, to = _as_they_lie(x), _as_they_lie(to)
        kind = self._lanes_of(x)
        side = kind.lanes
        rows = []
        for i in range(side):
            by = self.make(t.i64, f"mul i64 {x_step.text}, {i}")
            rows.append(self.load_several(self.step(x, by)))
        block = 1
        while block < side:  # blocks off the diagonal change places, of twice the size each time
            for i in range(side):
                if not i & block:
                    rows[i], rows[i + block] = self._exchanged(rows[i], rows[i + block], block)
            block *= 2
        for i, row in enumerate(rows):
            by = self.make(t.i64, f"mul i64 {to_step.text}, {i}")
            self.store_several(self.step(to, by), row)

    def _exchanged(self, a: Value, b: Value, block: int) -> tuple[Value, Value]:
        """Return a with b's blocks at its odd ones, and b with a's odd blocks at its even ones."""
        kind = a.type
        n = kind.lanes
        found = []
        for picked in (
            [n + i - block if i & block else i for i in range(n)],
            [n + i if i & block else i + block for i in range(n)],
        ):
            mask = ", ".join(f"i32 {i}" for i in picked)
            found.append(
                self.make(
                    kind,
                    f"shufflevector {kind.llvm} {a.text}, {kind.llvm} {b.text}, "
                    f"<{n} x i32> <{mask}>",
                )
            )
        return found[0], found[1]

    def _suffix(self, kind: Type) -> str:
        return f"v{kind.lanes}{'f' if kind.kind == 'f' else 'i'}{kind.bits}"

    def _first(self, to: Type, count: Value) -> Value:
        """Return which of several numbers are the first ``count``."""
        kind = t.several(t.i32) if to.lanes == 16 else t.several(t.i64)
        if kind.lanes != to.lanes:
            raise TypeMisfit(f"a count of {to}: for numbers of 4 and 8 bytes alone")
        given = self.convert(self.convert(count, kind.element), kind)
        numbers = ", ".join(f"{kind.element.llvm} {i}" for i in range(to.lanes))
        return self.make(t.boolean, f"icmp slt {kind.llvm} <{numbers}>, {given.text}")

    def _lanes_of(self, pointer: Value) -> Type:
        if not isinstance(pointer.type, Pointer) or pointer.type.to.compute is not pointer.type.to:
            raise TypeMisfit(f"no address of numbers that are computed as they lie: {pointer.type}")
        return t.several(pointer.type.to)

    def total(self, value: Value) -> Value:
        """Add up the numbers of a value that is several."""
        kind = value.type
        if kind.lanes == 1 or kind.kind != "f":
            raise TypeMisfit(f"{kind} is not several floats")
        one = kind.element
        full = f"llvm.vector.reduce.fadd.v{kind.lanes}f{kind.bits}"
        self.externals[full] = f"declare {one.llvm} @{full}({one.llvm}, {kind.llvm})"
        return self.make(
            one, f"call reassoc {one.llvm} @{full}({one.llvm} -0.0, {kind.llvm} {value.text})"
        )

    # --- calls of LLVM's own functions

    def intrinsic(self, name: str, type: Type, *values: Value) -> Value:
        """Call one of LLVM's functions, all of whose arguments are of one type."""
        many = f"v{type.lanes}" if type.lanes > 1 else ""
        full = f"llvm.{name}.{many}{'f' if type.kind == 'f' else 'i'}{type.bits}"
        args = ", ".join(f"{type.llvm} {v.text}" for v in values)
        kinds = ", ".join(type.llvm for _ in values)
        self.externals[full] = f"declare {type.llvm} @{full}({kinds})"
        flags = self.flags if type.kind == "f" else ""
        return self.make(type, f"call {flags}{type.llvm} @{full}({args})")


def _in_range(value: float) -> float:
    """Round a double too large for a float to infinity, as a conversion does."""
    limit = 3.4028235677973366e38
    if value >= limit:
        return float("inf")
    return float("-inf") if value <= -limit else value


def no_number(value: Any) -> TypeMisfit:
    """Return the error for what is no number in an expression."""
    return TypeMisfit(f"{value!r} is no number")


def _as_they_lie(pointer: Value) -> Value:
    """Return the address of numbers that are just moved: as whole ones of their size."""
    assert isinstance(pointer.type, Pointer)
    return Value(pointer.text, Pointer(t.BY_NAME[f"u{8 * pointer.type.to.size}"]))
