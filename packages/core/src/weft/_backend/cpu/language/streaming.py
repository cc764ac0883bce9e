"""Copying past the caches: for a result so large that nothing of it would be found there later.

A plain store first reads the line of the cache that it writes to, and puts out another line. A
store past the caches writes whole lines to memory: of a copy's three ways over the memory bus one
goes away, and what the caches hold stays. It also does not mind where in a line the source begins,
as the C library's copy does.
"""

from __future__ import annotations

#: Bytes of a line of the cache, which a store past it writes whole, and lines of one round.
_LINE, _LINES = 64, 4
_LANES = f"<{_LINE // 4} x i32>"
#: The function's name.
STREAM = "@stream"


def stream(mark: str) -> list[str]:
    """Return the function, in LLVM's language.

    Args:
        mark: the node of metadata that says so of a store.
    """
    step = _LINE * _LINES
    lines = [
        f"define internal void {STREAM}(ptr %to, ptr %from, i64 %size) noinline #0 {{",
        "  %place = ptrtoint ptr %to to i64",
        "  %behind = sub i64 0, %place",
        f"  %gap = and i64 %behind, {_LINE - 1}",
        "  %head = call i64 @llvm.umin.i64(i64 %gap, i64 %size)",
        "  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %head, i1 false)",
        "  %left = sub i64 %size, %head",
        f"  %body = and i64 %left, {-step}",
        "  %stop = add i64 %head, %body",
        "  %any = icmp ne i64 %body, 0",
        "  br i1 %any, label %round, label %rest",
        "round:",
        "  %at = phi i64 [ %head, %0 ], [ %next, %round ]",
    ]
    for i in range(_LINES):
        lines += [
            f"  %at{i} = add i64 %at, {i * _LINE}",
            f"  %from{i} = getelementptr i8, ptr %from, i64 %at{i}",
            f"  %line{i} = load {_LANES}, ptr %from{i}, align 1",
        ]
    for i in range(_LINES):
        lines += [
            f"  %to{i} = getelementptr i8, ptr %to, i64 %at{i}",
            f"  store {_LANES} %line{i}, ptr %to{i}, align {_LINE}, !nontemporal {mark}",
        ]
    return [
        *lines,
        f"  %next = add i64 %at, {step}",
        "  %more = icmp ult i64 %next, %stop",
        "  br i1 %more, label %round, label %rest",
        "rest:",
        "  %tail.to = getelementptr i8, ptr %to, i64 %stop",
        "  %tail.from = getelementptr i8, ptr %from, i64 %stop",
        "  %tail = sub i64 %size, %stop",
        "  call void @llvm.memcpy.p0.p0.i64(ptr %tail.to, ptr %tail.from, i64 %tail, i1 false)",
        # such stores come to other threads in any order until a fence
        "  fence seq_cst",
        "  ret void",
        "}",
    ]
