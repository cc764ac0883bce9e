"""From a Python function's syntax to LLVM's language: what kernels may say.

- Numbers have the types of ``types.py``. A variable has the type of what is first put into it, or
  the one it is annotated with; a literal takes the other's type, and alone it is an i64, or of the
  kernel's type of computing, ``C``. Mixed arithmetic is done in the wider type, in the float if one
  is a float. ``/`` divides as floats do, ``//`` and ``%`` towards zero.
- ``for i in range(...)``, ``simd(...)`` (steps that touch no memory of each other), ``static(...)``
  (written out), ``while``, ``if``, ``a if test else b`` (both are computed), ``and``/``or`` (both
  are computed), ``break`` and ``continue``.
- ``x[i]`` reads and writes, ``x + i`` is an address, ``local(f32, 64)`` is memory of its own,
  ``memory(f32, x)`` that of the array whose object lies at address x.
- Functions made by ``@function`` are put in place, or called if they stand ``apart``; ``f32(x)``
  converts.
- ``if`` on what is known when a kernel is specialised is decided then.
"""

from __future__ import annotations

import ast
from typing import Any

from weft._backend.cpu.language import intrinsics
from weft._backend.cpu.language import types as t
from weft._backend.cpu.language.applications import Calls
from weft._backend.cpu.language.emitter import Array, TypeMisfit, Value
from weft._backend.cpu.language.expressions import KNOWN, Slot
from weft._backend.cpu.language.types import Pointer


class Translator(Calls):
    """Translates one function's statements into an emitter's text."""

    def body(self, statements: list[ast.stmt]) -> Any:
        """Translate statements; return what the last one returns."""
        for i, statement in enumerate(statements):
            if isinstance(statement, ast.Return):
                if i != len(statements) - 1:
                    raise self.misread(statement, "return stands at the end alone")
                return None if statement.value is None else self.value(statement.value)
            self.statement(statement)
            if isinstance(statement, (ast.Break, ast.Continue)):
                return None
        return None

    def statement(self, s: ast.stmt) -> None:
        handler = getattr(self, f"_do_{type(s).__name__.lower()}", None)
        if handler is None:
            raise self.misread(s, f"no {type(s).__name__} in the kernel language")
        try:
            handler(s)
        except TypeMisfit as error:
            raise self.misread(s, str(error)) from None

    def _do_pass(self, s: ast.Pass) -> None:
        pass

    def _do_expr(self, s: ast.Expr) -> None:
        if not isinstance(s.value, ast.Constant):  # a docstring
            self.value(s.value)

    def _do_assign(self, s: ast.Assign) -> None:
        (target,) = s.targets
        self.assign(target, self.value(s.value))

    def _do_annassign(self, s: ast.AnnAssign) -> None:
        assert isinstance(s.target, ast.Name) and s.value is not None
        kind = self.value(s.annotation)
        self.variables[s.target.id] = Slot(self.e.variable(kind), kind)
        self.assign(s.target, self.value(s.value))

    def assign(self, target: Any, value: Any) -> None:
        """Put a value into a variable or into memory."""
        if isinstance(target, ast.Tuple):
            if not isinstance(value, tuple) or len(value) != len(target.elts):
                raise self.misread(target, "so many values are not there")
            for one, part in zip(target.elts, value, strict=True):
                self.assign(one, part)
        elif isinstance(target, ast.Subscript):
            pointer = self.pointer(target.value)
            index = self.number(self.value(target.slice), t.i64)
            to = pointer.type.to
            self.e.store(pointer, index, self.number(value, to.compute))
        elif isinstance(value, Array) and not isinstance(self.variables.get(target.id), Slot):
            self.variables[target.id] = value
        else:
            self.set(target.id, value)

    def set(self, name: str, value: Any) -> None:
        slot = self.variables.get(name)
        if not isinstance(slot, Slot):
            register = self.register(value)
            slot = self.variables[name] = Slot(self.e.variable(register.type), register.type)
            self.e.put(slot.place, register)
        elif isinstance(slot.type, Pointer):
            self.e.put(slot.place, self.register(value))
        else:
            if slot.type.kind != "f" and isinstance(value, Value) and value.type.kind == "f":
                raise TypeMisfit(f"{name} is a whole number here; convert with {slot.type}(...)")
            self.e.put(slot.place, self.number(value, slot.type))

    def _do_augassign(self, s: ast.AugAssign) -> None:
        read = ast.copy_location(ast.parse(ast.unparse(s.target), mode="eval").body, s)
        ast.fix_missing_locations(read)
        self.assign(s.target, self.binary(s.op, self.value(read), self.value(s.value), s))

    def _do_if(self, s: ast.If) -> None:
        test = self.value(s.test)
        if isinstance(test, KNOWN) or test is None:
            self.inside(s.body if test else s.orelse)
            return
        e = self.e
        yes, no, end = e.label("then"), e.label("else"), e.label("end")
        e.say(f"br i1 {self.truth(test).text}, label %{yes}, label %{no}")
        e.begin(yes)
        if not self.inside(s.body):
            e.say(f"br label %{end}")
        e.begin(no)
        if not self.inside(s.orelse):
            e.say(f"br label %{end}")
        e.begin(end)

    def inside(self, statements: list[ast.stmt]) -> bool:
        """Translate a block; whether it ends in a jump."""
        for s in statements:
            if isinstance(s, ast.Return):
                raise self.misread(s, "return stands at the function's end alone")
            self.statement(s)
            if isinstance(s, (ast.Break, ast.Continue)):
                return True
        return False

    def _do_break(self, s: ast.Break) -> None:
        self.e.say(f"br label %{self.loops[-1][1]}")

    def _do_continue(self, s: ast.Continue) -> None:
        self.e.say(f"br label %{self.loops[-1][0]}")

    def _do_while(self, s: ast.While) -> None:
        e = self.e
        head, inner, end = e.label("while"), e.label("do"), e.label("end")
        e.say(f"br label %{head}")
        e.begin(head)
        e.say(f"br i1 {self.truth(self.value(s.test)).text}, label %{inner}, label %{end}")
        e.begin(inner)
        self.loops.append((head, end))
        if not self.inside(s.body):
            e.say(f"br label %{head}")
        self.loops.pop()
        e.begin(end)

    def _do_for(self, s: ast.For) -> None:
        call = s.iter
        if not isinstance(call, ast.Call) or not isinstance(s.target, ast.Name):
            raise self.misread(s, "loops go over range(...), simd(...) or static(...)")
        kind = self.value(call.func)
        bounds = [self.value(a) for a in call.args]
        if len(bounds) == 1:
            bounds.insert(0, 0)
        if kind is intrinsics.static:
            if not all(isinstance(b, int) for b in bounds):
                raise self.misread(s, "static needs bounds that are known")
            for i in range(*bounds):
                self.variables[s.target.id] = i
                self.inside(s.body)
            return
        if kind is not range and kind is not intrinsics.simd:
            raise self.misread(s, "loops go over range(...), simd(...) or static(...)")
        self.loop(s, bounds, independent=kind is intrinsics.simd)

    def loop(self, s: ast.For, bounds: list[Any], *, independent: bool) -> None:
        e = self.e
        start, stop = (self.number(b, t.i64) for b in bounds[:2])
        by = bounds[2] if len(bounds) > 2 else 1
        step = self.number(by, t.i64)
        place = e.variable(t.i64)
        e.put(place, start)
        head, inner, onward, end = (e.label(x) for x in ("for", "do", "next", "end"))
        before = e.group
        properties = ""
        if independent:
            group = e.node("")
            e.group = f", !llvm.access.group {group}"
            accesses = e.node(f'!"llvm.loop.parallel_accesses", {group}')
            enabled = e.node('!"llvm.loop.vectorize.enable", i1 true')
            properties = f", !llvm.loop {e.node(f'self, {accesses}, {enabled}')}"
        e.say(f"br label %{head}")
        e.begin(head)
        now = e.get(place, t.i64)
        test = "sgt" if isinstance(by, int) and by < 0 else "slt"
        go = e.make(t.boolean, f"icmp {test} i64 {now.text}, {stop.text}")
        e.say(f"br i1 {go.text}, label %{inner}, label %{end}")
        e.begin(inner)
        assert isinstance(s.target, ast.Name)
        self.variables[s.target.id] = Slot(place, t.i64)
        self.loops.append((onward, end))
        if not self.inside(s.body):
            e.say(f"br label %{onward}")
        self.loops.pop()
        e.begin(onward)
        now = e.get(place, t.i64)
        later = e.make(t.i64, f"add nsw i64 {now.text}, {step.text}")
        e.put(place, later)
        e.say(f"br label %{head}{properties}")
        e.begin(end)
        e.group = before
