"""What expressions give: numbers in registers, addresses, or what is known already."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from weft._backend.cpu.language import intrinsics
from weft._backend.cpu.language import types as t
from weft._backend.cpu.language.emitter import Array, Emitter, TypeMisfit, Value
from weft._backend.cpu.language.intrinsics import Intrinsic, Placeholder
from weft._backend.cpu.language.types import Pointer, Type

_STATIC: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_BITWISE = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "shl"}
_ORDERED = {"Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge"}
#: What is known when a kernel is translated.
KNOWN = (bool, int, float)


class Misread(SyntaxError):
    """A kernel says what the language has no words for; names the line."""


class Slot:
    """A variable: where it lies, and its type."""

    def __init__(self, place: str, type: Type | Pointer) -> None:
        self.place = place
        self.type: Any = type


class Expressions:
    """Translates one function's expressions into an emitter's text."""

    def __init__(
        self,
        emitter: Emitter,
        named: Callable[[str], Any],
        given: Mapping[str, Any],
        compute: Type,
        name: str,
    ) -> None:
        self.e = emitter
        self.named = named
        self.given = given
        self.compute = compute
        self.name = name
        self.variables: dict[str, Any] = {}
        self.loops: list[tuple[str, str]] = []  # labels of `continue` and `break`

    def misread(self, node: Any, what: str) -> Misread:
        text = ast.unparse(node)
        return Misread(f"{self.name}, line {node.lineno}: {what}: {text[:120]}")

    def value(self, node: ast.expr) -> Any:
        """Return what an expression gives: a value, or a Python object that is known now."""
        handler = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if handler is None:
            raise self.misread(node, f"no {type(node).__name__} in the kernel language")
        return handler(node)

    def register(self, value: Any) -> Value:
        """Return a value for what may be a literal."""
        if isinstance(value, Value):
            return value
        if isinstance(value, Array):
            return value.pointer
        if isinstance(value, bool):
            return self.e.number(value, t.boolean)
        if isinstance(value, int):
            return self.e.number(value, t.i64)
        if isinstance(value, float):
            return self.e.number(value, self.compute)
        raise TypeMisfit(f"{value!r} is no number")

    def number(self, value: Any, to: Type) -> Value:
        """Return a value as a number of a type."""
        if isinstance(value, KNOWN):
            return self.e.number(value, to)
        return self.e.convert(self.register(value), to)

    def truth(self, value: Any) -> Value:
        return self.number(value, t.boolean)

    def pointer(self, node: ast.expr) -> Value:
        value = self.register(self.value(node))
        if not isinstance(value.type, Pointer):
            raise self.misread(node, "no address")
        return value

    def _of_constant(self, node: ast.Constant) -> Any:
        return node.value

    def _of_name(self, node: ast.Name) -> Any:
        name = node.id
        if name in self.variables:
            found = self.variables[name]
            return self.e.get(found.place, found.type) if isinstance(found, Slot) else found
        if name in self.given:
            return self.given[name]
        if name == "C":
            return self.compute
        try:
            found = self.named(name)  # what a kernel's file names so comes before what all know
        except NameError as error:
            if name in _PYTHONS:
                return _PYTHONS[name]
            raise self.misread(node, str(error)) from None
        if isinstance(found, Placeholder):
            raise self.misread(node, f"{name} was not given")
        return found

    def _of_tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(map(self.value, node.elts))

    def _of_subscript(self, node: ast.Subscript) -> Any:
        whole = self.value(node.value)
        index = self.value(node.slice)
        if isinstance(whole, tuple):
            return whole[index]
        pointer = self.register(whole)
        if not isinstance(pointer.type, Pointer):
            raise self.misread(node, "no address")
        return self.e.load(pointer, self.number(index, t.i64))

    def _of_unaryop(self, node: ast.UnaryOp) -> Any:
        x = self.value(node.operand)
        if isinstance(x, KNOWN):
            return _STATIC[type(node.op)](x)
        if isinstance(node.op, ast.UAdd):
            return x
        if isinstance(node.op, ast.Not):
            return self.e.make(t.boolean, f"xor i1 {self.truth(x).text}, true")
        if isinstance(node.op, ast.Invert):
            return self.e.make(x.type, f"xor {x.type.llvm} {x.text}, -1")
        if x.type.kind == "f":
            return self.e.make(x.type, f"fneg {self.e.flags}{x.type.llvm} {x.text}")
        return self.e.make(x.type, f"sub {x.type.llvm} 0, {x.text}")

    def _of_binop(self, node: ast.BinOp) -> Any:
        return self.binary(node.op, self.value(node.left), self.value(node.right), node)

    def binary(self, op: ast.operator, x: Any, y: Any, node: Any) -> Any:
        """Return an operator's result."""
        if isinstance(x, KNOWN) and isinstance(y, KNOWN):
            return _STATIC[type(op)](x, y)
        x = x.pointer if isinstance(x, Array) else x
        if isinstance(x, Value) and isinstance(x.type, Pointer):
            if not isinstance(op, ast.Add):
                raise self.misread(node, "an address takes + alone")
            return self.e.step(x, self.number(y, t.i64))
        if isinstance(op, ast.Div):
            x, y = self.floats(x, y)
            return self.e.make(x.type, f"fdiv {self.e.flags}{x.type.llvm} {x.text}, {y.text}")
        x, y = self.together(x, y)
        kind, llvm = x.type.kind, x.type.llvm
        if type(op) in _ARITHMETIC:
            word = _ARITHMETIC[type(op)]
            if kind == "f":
                return self.e.make(x.type, f"f{word} {self.e.flags}{llvm} {x.text}, {y.text}")
            wrap = "nsw " if x.type is t.i64 and self.e.loose else ""
            return self.e.make(x.type, f"{word} {wrap}{llvm} {x.text}, {y.text}")
        if kind == "f":
            raise self.misread(node, "no such operator of floats")
        if type(op) in _BITWISE:
            return self.e.make(x.type, f"{_BITWISE[type(op)]} {llvm} {x.text}, {y.text}")
        if isinstance(op, ast.RShift):
            word = "ashr" if kind == "i" else "lshr"
        elif isinstance(op, ast.FloorDiv):
            word = "sdiv" if kind == "i" else "udiv"
        elif isinstance(op, ast.Mod):
            word = "srem" if kind == "i" else "urem"
        else:
            raise self.misread(node, "no such operator")
        return self.e.make(x.type, f"{word} {llvm} {x.text}, {y.text}")

    def together(self, *values: Any) -> tuple[Value, ...]:
        """Return numbers converted to the one type that they are computed in."""
        kinds = [v.type for v in values if isinstance(v, Value)]
        literal = any(isinstance(v, float) for v in values)
        common = kinds[0] if kinds else t.i64
        for kind in kinds[1:]:
            common = wider(common, kind)
        if literal and common.kind != "f":
            common = self.compute
        if not kinds and literal:
            common = self.compute
        return tuple(self.number(v, common) for v in values)

    def floats(self, *values: Any) -> tuple[Value, ...]:
        """The same; whole numbers become floats."""
        values = self.together(*values)
        if values[0].type.kind == "f":
            return values
        return tuple(self.number(v, self.compute) for v in values)

    def _of_compare(self, node: ast.Compare) -> Any:
        if len(node.ops) != 1:
            raise self.misread(node, "one comparison at a time")
        x, y = self.value(node.left), self.value(node.comparators[0])
        op = node.ops[0]
        if not isinstance(x, Value) and not isinstance(y, Value):
            return _STATIC[type(op)](x, y)
        word = _ORDERED[type(op).__name__]
        x, y = self.together(x, y)
        if x.type.kind == "f":
            word = "fcmp " + ("une" if word == "ne" else "o" + word)
        else:
            sign = "" if word in ("eq", "ne") else "s" if x.type.kind == "i" else "u"
            word = f"icmp {sign}{word}"
        return self.e.make(t.boolean, f"{word} {x.type.llvm} {x.text}, {y.text}")

    def _of_boolop(self, node: ast.BoolOp) -> Any:
        word = "and" if isinstance(node.op, ast.And) else "or"
        out = self.value(node.values[0])
        for part in node.values[1:]:
            if isinstance(out, KNOWN) or out is None:
                if bool(out) is (word == "or"):
                    return out
                out = self.value(part)
                continue
            other = self.value(part)
            out = self.e.make(
                t.boolean, f"{word} i1 {self.truth(out).text}, {self.truth(other).text}"
            )
        return out

    def _of_ifexp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        if isinstance(test, KNOWN) or test is None:
            return self.value(node.body if test else node.orelse)
        return self.choose(test, self.value(node.body), self.value(node.orelse))

    def choose(self, test: Any, x: Any, y: Any) -> Value:
        if isinstance(x, Value) and isinstance(x.type, Pointer):
            y = self.register(y)
        else:
            x, y = self.together(x, y)
        kind = x.type.llvm
        return self.e.make(
            x.type, f"select i1 {self.truth(test).text}, {kind} {x.text}, {kind} {y.text}"
        )


_PYTHONS: dict[str, Any] = {
    "range": range,
    "max": max,
    "min": min,
    "abs": abs,
    "len": len,
    **t.BY_NAME,
    **{k: v for k, v in vars(intrinsics).items() if isinstance(v, Intrinsic)},
}


def wider(x: Any, y: Any) -> Type:
    """Return the type that numbers of two types are computed in.

    Raises:
        TypeMisfit: one is an address.
    """
    if x is y:
        return x
    if isinstance(x, Pointer) or isinstance(y, Pointer):
        raise TypeMisfit("an address among numbers")
    if x.lanes > 1 or y.lanes > 1:
        return x if x.lanes > 1 else y
    if x.kind == "f" or y.kind == "f":
        if x.kind == y.kind:
            return x if x.bits >= y.bits else y
        return x if x.kind == "f" else y
    if x.kind == "b" or y.kind == "b":
        return y if x.kind == "b" else x
    return x if x.bits > y.bits or (x.bits == y.bits and x.kind == "u") else y
