"""What calls give: functions put in place, conversions, and what the language has itself."""

from __future__ import annotations

import ast
from typing import Any

from weft._backend.cpu.language import types as t
from weft._backend.cpu.language.dividing import FOLD, fold
from weft._backend.cpu.language.emitter import Array, Emitter, TypeMisfit, Value
from weft._backend.cpu.language.expressions import KNOWN, Expressions, Misread
from weft._backend.cpu.language.intrinsics import Intrinsic
from weft._backend.cpu.language.source import Function, Overload
from weft._backend.cpu.language.streaming import STREAM, stream
from weft._backend.cpu.language.types import Pointer, Type

#: What a body finds beside its own parameters: its thread's number, how many there are, where they
#: meet (null if there is but one), and the table of addresses.
THREAD, TEAM, MEETING, TABLE = "%thread", "%team", "%meeting", "%table"
#: NumPy's flags of an array without gaps in the order of its indices, aligned to its elements.
_DENSE = 0x0001 | 0x0100
_UNARY_INTRINSICS = {
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "rint": "rint",
}
_BINARY_INTRINSICS = {"fmax": "maxnum", "fmin": "minnum", "copysign": "copysign"}


def _name(e: Emitter, key: tuple[Any, ...]) -> str:
    """Return the name of a function that stands beside."""
    return f"@{key[0].name}.{list(e.functions).index(key)}"


class Calls(Expressions):
    """Translates calls too."""

    def _of_call(self, node: ast.Call) -> Any:
        called = self.value(node.func)
        if isinstance(called, Intrinsic):
            return getattr(self, f"_call_{called.name}", self._call_simple)(
                called.name, *map(self.value, node.args)
            )
        args = [self.value(a) for a in node.args]
        if isinstance(called, Type):
            return self.number(args[0], called)
        if called in (max, min):
            return self.extreme(called is max, args)
        if called is len:
            return len(args[0])
        if called is abs:
            return self.absolute(args[0])
        if isinstance(called, Overload):
            first = self.register(args[0])
            kind = first.type
            if isinstance(kind, Type) and kind.kind != "f" and kind.name not in called.by_type:
                args[0] = first = self.number(first, self.compute)
                kind = first.type
            found = called.by_type.get(str(kind))
            if found is None:
                raise self.misread(node, f"not for {kind}")
            called = found
        if isinstance(called, Function):
            return (self.call_apart if called.apart else self.put_in_place)(called, args)
        raise self.misread(node, "no function of the kernel language")

    def call_apart(self, function: Function, args: list[Any]) -> None:
        """Call a function that stands beside: translate its body if this is its first call."""
        values = [a if isinstance(a, KNOWN) else self.register(a) for a in args]
        passed = [value for value in values if isinstance(value, Value)]
        kinds = (a.type if isinstance(a, Value) else (type(a), a) for a in values)
        key = (function, *kinds)
        if key not in self.e.functions:
            self.e.functions[key] = ""  # it has its number
            emitter = self.e.beside()
            own = iter([Value(f"%a{i}", value.type) for i, value in enumerate(passed)])
            given = [next(own) if isinstance(a, Value) else a for a in values]
            if self.put_in_place(function, given, emitter) is not None:
                raise Misread(f"{function.name}: a function that stands apart returns nothing")
            signature = ", ".join(f"{v.type.llvm} %a{i}" for i, v in enumerate(passed))
            head = f"define internal void {_name(self.e, key)}({signature}) noinline #0 {{"
            body = [head, "entry:", *emitter.slots, *emitter.lines, "  ret void", "}"]
            self.e.functions[key] = "\n".join(body)
        arguments = ", ".join(f"{v.type.llvm} {v.text}" for v in passed)
        self.e.say(f"call void {_name(self.e, key)}({arguments})")

    def put_in_place(
        self, function: Function, args: list[Any], emitter: Emitter | None = None
    ) -> Any:
        """Translate a function's body where it is called, or into another function's text."""
        e = emitter or self.e
        inner: Any = type(self)(e, function.named, self.given, self.compute, function.name)
        names = [a.arg for a in function.parsed.args.args]
        if len(names) != len(args):
            raise Misread(f"{function.name} takes {len(names)} arguments, got {len(args)}")
        assigned = {
            target.id
            for part in ast.walk(function.parsed)
            for target in ([part.target] if isinstance(part, ast.AugAssign) else
                           part.targets if isinstance(part, ast.Assign) else [])
            if isinstance(target, ast.Name)
        }  # fmt: skip
        for name, value in zip(names, args, strict=True):
            if name in assigned:
                inner.set(name, value)
            else:
                inner.variables[name] = value
        before, e.loose = e.loose, function.loose
        try:
            return inner.body(function.parsed.body)
        finally:
            e.loose = before

    def extreme(self, largest: bool, args: list[Any]) -> Any:
        """Return the larger or smaller of numbers; of a NaN and a number the NaN."""
        if all(isinstance(a, KNOWN) for a in args):
            return (max if largest else min)(args)
        x, *rest = self.together(*args)
        for y in rest:
            kind = x.type
            if kind.kind == "f":
                x = self.e.intrinsic("maximum" if largest else "minimum", kind, x, y)
            else:
                sign = "s" if kind.kind == "i" else "u"
                x = self.e.intrinsic(f"{sign}{'max' if largest else 'min'}", kind, x, y)
        return x

    def absolute(self, x: Any) -> Any:
        if isinstance(x, KNOWN):
            return abs(x)
        if x.type.kind == "f":
            return self.e.intrinsic("fabs", x.type, x)
        zero = self.e.number(0, x.type)
        negative = self.e.make(x.type, f"sub {x.type.llvm} 0, {x.text}")
        test = self.e.make(t.boolean, f"icmp slt {x.type.llvm} {x.text}, {zero.text}")
        return self.choose(test, negative, x)

    def _call_simple(self, name: str, *args: Any) -> Value:
        values = self.floats(*args)
        llvm = _UNARY_INTRINSICS.get(name) or _BINARY_INTRINSICS.get(name) or name
        kind = values[0].type
        assert isinstance(kind, Type)
        return self.e.intrinsic(llvm, kind, *values)

    def _call_frem(self, name: str, x: Any, y: Any) -> Value:
        one, other = self.floats(x, y)
        kind = one.type.llvm
        # a call, since LLVM would compute its own frem for elements that do not need it too
        called = "@fmodf" if kind == "float" else "@fmod"
        self.e.externals[called] = f"declare {kind} {called}({kind}, {kind})"
        text = f"call {kind} {called}({kind} {one.text}, {kind} {other.text})"
        return self.e.make(one.type, text)

    def _call_popcount(self, name: str, x: Any) -> Value:
        value = self.register(x)
        assert isinstance(value.type, Type)
        return self.e.intrinsic("ctpop", value.type, value)

    def _call_isnan(self, name: str, x: Any) -> Value:
        (value,) = self.floats(x)
        return self.e.make(t.boolean, f"fcmp uno {value.type.llvm} {value.text}, {value.text}")

    def _call_bits(self, name: str, to: Type, x: Any) -> Value:
        value = self.register(x)
        have = value.type
        assert isinstance(have, Type)
        if have.bits != to.bits:
            raise TypeMisfit(f"{have} has not the size of {to}")
        if have.llvm == to.llvm:
            return Value(value.text, to)
        return self.e.make(to, f"bitcast {have.llvm} {value.text} to {to.llvm}")

    def _call_select(self, name: str, test: Any, x: Any, y: Any) -> Any:
        if isinstance(test, KNOWN):
            return x if test else y
        return self.choose(test, x, y)

    def _call_local(self, name: str, kind: Type, count: int) -> Array:
        return self.e.local(kind, count)

    def _call_memory(self, name: str, kind: Type, address: Any) -> Value:
        place = self.number(address, t.i64)
        whole = self.e.make(Pointer(t.i64), f"inttoptr i64 {place.text} to ptr")
        field = self.e.make(Pointer(t.i64), f"getelementptr i8, ptr {whole.text}, i64 DATA_OFFSET")
        return self.e.make(Pointer(kind), f"load ptr, ptr {field.text}")

    def _call_length(self, name: str, address: Any, dim: Any) -> Value:
        return self._of_dim(address, dim, 16)

    def _call_step(self, name: str, address: Any, dim: Any) -> Value:
        return self._of_dim(address, dim, 24)

    def _of_dim(self, address: Any, dim: Any, behind: int) -> Value:
        """Read from the table whose address NumPy keeps so far behind that of the memory."""
        field = self._field(address, behind)
        table = self.e.make(Pointer(t.i64), f"load ptr, ptr {field.text}")
        return self.e.load(table, self.number(dim, t.i64))

    def _field(self, address: Any, behind: int) -> Value:
        """Return where NumPy keeps something of an array, so far behind the memory's address."""
        place = self.number(address, t.i64)
        whole = self.e.make(Pointer(t.i64), f"inttoptr i64 {place.text} to ptr")
        data = self.e.make(Pointer(t.i64), f"getelementptr i8, ptr {whole.text}, i64 DATA_OFFSET")
        return self.e.make(Pointer(t.i64), f"getelementptr i8, ptr {data.text}, i64 {behind}")

    def _call_alike(self, name: str, x: Any, y: Any) -> Value:
        e = self.e
        found = e.number(True, t.boolean)
        for behind, llvm in ((8, "i32"), (40, "i64")):  # how many dims; the dtype's object
            one, other = (
                e.make(t.i64, f"load {llvm}, ptr {self._field(of, behind).text}") for of in (x, y)
            )
            same = e.make(t.boolean, f"icmp eq {llvm} {one.text}, {other.text}")
            found = e.make(t.boolean, f"and i1 {found.text}, {same.text}")
        flags = e.make(t.i32, f"load i32, ptr {self._field(x, 48).text}")
        wanted = e.make(t.i32, f"and i32 {flags.text}, {_DENSE}")
        dense = e.make(t.boolean, f"icmp eq i32 {wanted.text}, {_DENSE}")
        return e.make(t.boolean, f"and i1 {found.text}, {dense.text}")

    def _call_wide(self, name: str, pointer: Any, count: Any = None) -> Value:
        return self.e.load_several(self.register(pointer), self._maybe(count))

    def _call_spread(self, name: str, pointer: Any, value: Any, count: Any = None) -> None:
        self.e.store_several(self.register(pointer), self.register(value), self._maybe(count))

    def _maybe(self, count: Any) -> Value | None:
        return None if count is None else self.number(count, t.i64)

    def _call_lanes(self, name: str, pointer: Any) -> int:
        return 64 // int(self.register(pointer).type.to.size)

    def _call_total(self, name: str, value: Any) -> Value:
        return self.e.total(self.register(value))

    def _call_thread(self, name: str) -> Value:
        self._with_threads(name)
        return Value(THREAD, t.i64)

    def _call_barrier(self, name: str) -> None:
        self._with_threads(name)
        self.e.meets = True
        self.e.say(f"call void @meet(ptr {MEETING}, i64 {TEAM}, ptr {TABLE})")

    def _with_threads(self, name: str) -> None:
        if self.e.alone:
            raise TypeMisfit(f"{name}() in a function that stands apart, which knows no threads")

    def _call_turn(self, name: str, to: Any, to_step: Any, x: Any, x_step: Any) -> None:
        self.e.turn(
            self.register(to),
            self.number(to_step, t.i64),
            self.register(x),
            self.number(x_step, t.i64),
        )

    def _call_copy(self, name: str, to: Any, source: Any, count: Any) -> None:
        target, origin, size = self._moved(to, source, count)
        self.e.say(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {origin}, i64 {size}, i1 false)"
        )

    def _call_stream(self, name: str, to: Any, source: Any, count: Any) -> None:
        target, origin, size = self._moved(to, source, count)
        if STREAM not in self.e.externals:
            self.e.externals["llvm.umin.i64"] = "declare i64 @llvm.umin.i64(i64, i64)"
            self.e.externals[STREAM] = "\n".join(stream(self.e.node("i32 1")))
        self.e.say(f"call void {STREAM}(ptr {target}, ptr {origin}, i64 {size})")

    def _call_fold(self, name: str, to: Any, first: Any, others: Any, steps: Any) -> None:
        if FOLD not in self.e.externals:
            from weft._backend.cpu import compiler  # it loads LLVM, which this text is for

            self.e.externals[FOLD] = "\n".join(fold(compiler.features()))
        places = ", ".join(f"ptr {self.register(at).text}" for at in (to, first, others))
        self.e.say(f"call void {FOLD}({places}, i64 {self.number(steps, t.i64).text})")

    def _moved(self, to: Any, source: Any, count: Any) -> tuple[str, str, str]:
        """Return where elements go, where they are, and how many bytes they have."""
        target, origin = self.register(to), self.register(source)
        assert isinstance(target.type, Pointer)
        size = self.binary(ast.Mult(), self.number(count, t.i64), target.type.to.size, None)
        self.e.externals["llvm.memcpy"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
        return target.text, origin.text, size.text

    def _call_prefetch(self, name: str, at: Any) -> None:
        self.e.externals["llvm.prefetch"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
        address = self.register(at).text
        self.e.say(f"call void @llvm.prefetch.p0(ptr {address}, i32 0, i32 3, i32 1)")
