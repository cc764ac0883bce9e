"""How the threads of one call wait for each other.

Each adds itself to a count that starts at 0, and looks at it until all have come as often as it
has. They come at nearly the same time where each has a core, so it looks again at once, for some
microseconds; then it gives its core to others, among which may be the one it waits for. libgomp's
own barrier holds on to the core for milliseconds: on a busy machine each step in time of a
recurrent network then takes as long.
"""

from __future__ import annotations

import platform

from weft._backend.cpu.language.table import TABLE_ENTRIES

#: How often a thread looks before it gives its core away.
_LOOKS = 1000


def meet() -> list[str]:
    """Return the function, in LLVM's language."""
    pauses = platform.machine() in ("x86_64", "AMD64")
    return [
        *(["declare void @llvm.x86.sse2.pause()"] if pauses else []),
        "define internal void @meet(ptr %meeting, i64 %team, ptr %table) noinline #0 {",
        "  %alone = icmp eq ptr %meeting, null",
        "  br i1 %alone, label %done, label %come",
        "come:",
        "  %others = atomicrmw add ptr %meeting, i64 1 acq_rel",
        "  %rounds = udiv i64 %others, %team",
        "  %next = add i64 %rounds, 1",
        "  %all = mul i64 %next, %team",
        "  br label %look",
        "look:",
        "  %times = phi i64 [ 0, %come ], [ %more, %rest ], [ %times, %give ]",
        "  %now = load atomic i64, ptr %meeting acquire, align 8",
        "  %there = icmp uge i64 %now, %all",
        "  br i1 %there, label %done, label %wait",
        "wait:",
        f"  %long = icmp uge i64 %times, {_LOOKS}",
        "  br i1 %long, label %away, label %rest",
        "rest:",
        *(["  call void @llvm.x86.sse2.pause()"] if pauses else []),
        "  %more = add i64 %times, 1",
        "  br label %look",
        "away:",
        f"  %yield.at = getelementptr i64, ptr %table, i64 {TABLE_ENTRIES.index('sched_yield')}",
        "  %yield = load ptr, ptr %yield.at",
        "  %none = icmp eq ptr %yield, null",
        "  br i1 %none, label %give, label %call",
        "call:",
        "  %ignored = call i32 %yield()",
        "  br label %give",
        "give:",
        "  br label %look",
        "done:",
        "  ret void",
        "}",
    ]
