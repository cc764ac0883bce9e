"""A kernel as a whole module of LLVM's language: body, share of a thread, entry from Python.

The entry is a C function as Python calls them (``METH_FASTCALL``):
``kernel(n, grain, *arguments)``.
It reads the memory of arrays and the numbers from its arguments, and runs the body over
``range(n)``, in as many threads as have at least ``grain`` steps each. Its ``self`` is the table of
addresses: where it finds Python's functions, libgomp's, and the number of threads.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from weft._backend.cpu.language import intrinsics
from weft._backend.cpu.language import types as t
from weft._backend.cpu.language.applications import MEETING, TABLE, TEAM, THREAD
from weft._backend.cpu.language.emitter import Emitter, Value
from weft._backend.cpu.language.expressions import Misread
from weft._backend.cpu.language.meeting import meet
from weft._backend.cpu.language.table import TABLE_ENTRIES
from weft._backend.cpu.language.translation import Translator
from weft._backend.cpu.language.types import Pointer, Type

#: The kind of a parameter that is an array's object: its address.
_OBJECT = Type("ref", "i", 64, "i64", "i64")
_AT = {name: i for i, name in enumerate(TABLE_ENTRIES)}


def module_text(
    tree: ast.FunctionDef,
    named: Callable[[str], Any],
    given: Mapping[str, Any],
    *,
    loose: bool,
    overlap: bool,
    attributes: str,
) -> str:
    """Return the module of one kernel for the types it was given.

    Args:
        tree: its syntax. Its first two parameters are the range of steps that it runs.
        named: what its global names stand for.
        given: types and numbers by the names that the kernel has for them.
        loose: whether sums may be reordered.
        overlap: whether arrays may share memory.
        attributes: the attributes of its functions: what the processor can do.

    Raises:
        Misread: the kernel says what the language has no words for.
    """
    compute = given.get("C")
    if compute is None:
        first = given.get("T")
        compute = first.compute if isinstance(first, Type) and first.kind == "f" else t.f32
    emitter = Emitter()
    emitter.loose = loose
    translator = Translator(emitter, named, given, compute, tree.name)
    kinds = [_kind(translator, a) for a in tree.args.args[2:]]
    names = [a.arg for a in tree.args.args]
    signature = ["i64 %begin", "i64 %stop", f"i64 {THREAD}", f"i64 {TEAM}", f"ptr {MEETING}"]
    signature.append(f"ptr {TABLE}")
    for name, value in zip(names[:2], ("%begin", "%stop"), strict=True):
        translator.set(name, Value(value, t.i64))
    for i, (name, kind) in enumerate(zip(names[2:], kinds, strict=True)):
        alias = "" if overlap or not isinstance(kind, Pointer) else " noalias"
        signature.append(f"{kind.llvm}{alias} %a{i}")
        translator.set(name, Value(f"%a{i}", t.i64 if kind is _OBJECT else kind))
    if translator.body(tree.body) is not None:
        raise Misread(f"{tree.name}: a kernel returns nothing")
    body = [f"define internal void @body({', '.join(signature)}) noinline #0 {{", "entry:"]
    body += [*emitter.slots, *emitter.lines, "  ret void", "}"]
    plain = [kind.llvm for kind in kinds]
    parts = [
        *body,
        *emitter.functions.values(),
        *(meet() if emitter.meets else []),
        *_share(plain),
        *_entry(kinds),
        *emitter.externals.values(),
        f"attributes #0 = {{ nounwind uwtable {attributes} }}",
        *(f"!{i} = {line.split(' = ', 1)[1]}" for i, line in enumerate(emitter.metadata)),
    ]
    return "\n".join(parts) + "\n"


def _kind(translator: Translator, argument: ast.arg) -> Any:
    if argument.annotation is None:
        return t.i64
    node = argument.annotation
    if isinstance(node, ast.Call):
        inner = translator.value(node.args[0])
        return Pointer(inner)
    kind = translator.value(node)
    if kind is intrinsics.ref:
        return _OBJECT
    if kind not in (t.i64, t.f64, t.f32):
        raise Misread(f"{argument.arg}: a kernel takes ptr(...), ref, i64, f32 and f64, not {kind}")
    return kind


def _share(kinds: list[str]) -> list[str]:
    """Return the function that one thread of several runs: its share of the range."""
    fields = f"{{ i64, ptr, ptr{''.join(', ' + kind for kind in kinds)} }}"
    lines = [
        f"%context = type {fields}",
        "define internal void @share(ptr %context) #0 {",
        *_loaded("count", "i64", 0),
        *_loaded("table", "ptr", 1),
        *_loaded("meeting", "ptr", 2),
        *_called("i32", "thread32", "omp_get_thread_num", ""),
        *_called("i32", "threads32", "omp_get_num_threads", ""),
        "  %me = sext i32 %thread32 to i64",
        "  %all = sext i32 %threads32 to i64",
        "  %before = mul i64 %me, %count",
        "  %begin = sdiv i64 %before, %all",
        "  %after = add i64 %before, %count",
        "  %stop = sdiv i64 %after, %all",
    ]
    for i, kind in enumerate(kinds):
        lines += _loaded(f"a{i}", kind, i + 3)
    arguments = "".join(f", {kind} %a{i}" for i, kind in enumerate(kinds))
    lines += [
        "  call void @body(i64 %begin, i64 %stop, i64 %me, i64 %all, ptr %meeting, ptr %table"
        f"{arguments})",
        "  ret void",
        "}",
    ]
    return lines


def _loaded(name: str, kind: str, field: int) -> list[str]:
    return [
        f"  %{name}.at = getelementptr %context, ptr %context, i32 0, i32 {field}",
        f"  %{name} = load {kind}, ptr %{name}.at",
    ]


def _called(kind: str, name: str, function: str, arguments: str) -> list[str]:
    """Return a call of a function whose address stands in the table."""
    return [
        f"  %{name}.at = getelementptr i64, ptr %table, i64 {_AT[function]}",
        f"  %{name}.f = load ptr, ptr %{name}.at",
        f"  %{name} = call {kind} %{name}.f({arguments})"
        if kind != "void"
        else f"  call void %{name}.f({arguments})",
    ]


def _entry(kinds: list[Any]) -> list[str]:
    lines = [
        # the table's address lies in `self`, an array, where every array has it: see calls.py
        "define ptr @entry(ptr %self, ptr %args, i64 %nargs) #0 {",
        "  %table.at = getelementptr i8, ptr %self, i64 DATA_OFFSET",
        "  %table = load ptr, ptr %table.at",
        "  %none.at = getelementptr i64, ptr %table, i64 1",
        "  %none = load ptr, ptr %none.at",
        *_argument("count", t.i64, 0),
        *_argument("grain", t.i64, 1),
    ]
    for i, kind in enumerate(kinds):
        lines += _argument(f"a{i}", kind, i + 2)
    arguments = "".join(f", {kind.llvm} %a{i}" for i, kind in enumerate(kinds))
    lines += [
        "  %limit.at = getelementptr i64, ptr %table, i64 " + str(_AT["threads"]),
        "  %limit = load i64, ptr %limit.at",
        "  %useful = sdiv i64 %count, %grain",
        "  %fewer = icmp slt i64 %useful, %limit",
        "  %team = select i1 %fewer, i64 %useful, i64 %limit",
        "  %small = icmp slt i64 %useful, 1",
        "  br i1 %small, label %here, label %apart",
        "here:",
        f"  call void @body(i64 0, i64 %count, i64 0, i64 1, ptr null, ptr %table{arguments})",
        "  br label %done",
        "apart:",  # enough to do: other Python threads may run meanwhile
        *_called("ptr", "state", "PyEval_SaveThread", ""),
        "  %one = icmp slt i64 %team, 2",
        "  br i1 %one, label %alone, label %several",
        "alone:",
        f"  call void @body(i64 0, i64 %count, i64 0, i64 1, ptr null, ptr %table{arguments})",
        "  br label %joined",
        "several:",
        "  %context = alloca %context",
        *_stored("count", "i64", 0),
        *_stored("table", "ptr", 1),
        "  %meeting = alloca [64 x i8], align 64",
        "  store i64 0, ptr %meeting",
        *_stored("meeting", "ptr", 2),
    ]
    for i, kind in enumerate(kinds):
        lines += _stored(f"a{i}", kind.llvm, i + 3)
    lines += [
        "  %team32 = trunc i64 %team to i32",
        *_called("void", "run", "GOMP_parallel", "ptr @share, ptr %context, i32 %team32, i32 0"),
        "  br label %joined",
        "joined:",
        *_called("void", "back", "PyEval_RestoreThread", "ptr %state"),
        "  br label %done",
        "done:",
        *_called("ptr", "zero", "PyLong_FromLong", "i64 0"),
        "  ret ptr %zero",
        "}",
    ]
    return lines


def _argument(name: str, kind: Any, position: int) -> list[str]:
    """Return how an argument of Python's becomes a number or an address."""
    lines = [
        f"  %{name}.p = getelementptr ptr, ptr %args, i64 {position}",
        f"  %{name}.o = load ptr, ptr %{name}.p",
    ]
    if isinstance(kind, Pointer):
        return [
            *lines,
            f"  %{name}.m = getelementptr i8, ptr %{name}.o, i64 DATA_OFFSET",
            f"  %{name}.d = load ptr, ptr %{name}.m",
            f"  %{name}.z = icmp eq ptr %{name}.o, %none",
            f"  %{name} = select i1 %{name}.z, ptr null, ptr %{name}.d",
        ]
    if kind is _OBJECT:
        return [*lines, f"  %{name} = ptrtoint ptr %{name}.o to i64"]
    if kind is t.i64:
        return [*lines, *_called("i64", name, "PyLong_AsLongLong", f"ptr %{name}.o")]
    lines += _called("double", f"{name}.x", "PyFloat_AsDouble", f"ptr %{name}.o")
    if kind is t.f64:
        return [*lines, f"  %{name} = fadd double %{name}.x, -0.0"]
    return [*lines, f"  %{name} = fptrunc double %{name}.x to float"]


def _stored(name: str, kind: str, field: int) -> list[str]:
    return [
        f"  %{name}.to = getelementptr %context, ptr %context, i32 0, i32 {field}",
        f"  store {kind} %{name}, ptr %{name}.to",
    ]
