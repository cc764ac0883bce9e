"""How many threads are worth running: the cores that this process may use.

Cores and not logical CPUs: two threads of one core share the units that arithmetic runs on, so the
second slows the first. A container's share of CPU time counts too, because threads beyond it wait
for each other while they are out of turn.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

#: Where files lie: text, or an object for it. pathlib would take longer to load than a kernel.
Where = str | os.PathLike[str]


def usable(system: Where = "/sys", process: Where = "/proc/self") -> int:
    """Return the number of cores that affinity and control groups leave to this process.

    Args:
        system: where the kernel shows the machine.
        process: where it shows this process.
    """
    if not hasattr(os, "sched_getaffinity"):  # macOS, Windows: no affinity to ask for
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    cores = {_core(system, cpu) for cpu in allowed}
    share = min(_shares(_under(system, "fs", "cgroup"), process), default=math.inf)
    return max(1, min(len(cores), math.ceil(share) if share < math.inf else len(cores)))


def _under(folder: Where, *parts: str) -> str:
    return os.path.join(os.fspath(folder), *parts)


def _core(system: Where, cpu: int) -> str:
    """Return what names the core of a CPU: all CPUs on it."""
    topology = _under(system, "devices", "system", "cpu", f"cpu{cpu}", "topology")
    return _text(_under(topology, "thread_siblings_list")) or str(cpu)


def _shares(groups: str, process: Where) -> Iterator[float]:
    """Yield the CPUs' worth of time that each control group over this process may use."""
    for line in _text(_under(process, "cgroup")).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:  # version 2
            for folder in _upward(groups, path):
                quota, _, period = _text(_under(folder, "cpu.max")).partition(" ")
                yield from _share(quota, period)
        elif "cpu" in controllers.split(","):  # version 1
            for folder in (
                *_upward(_under(groups, controllers), path),
                *_upward(_under(groups, "cpu"), path),
            ):
                quota = _text(_under(folder, "cpu.cfs_quota_us"))
                yield from _share(quota, _text(_under(folder, "cpu.cfs_period_us")))


def _upward(root: str, path: str) -> list[str]:
    """Return the folder of a group and of all groups over it.

    Inside a container the path may be the host's, of which only the root is seen.
    """
    parts = [part for part in path.split("/") if part]
    return [_under(root, *parts[:count]) for count in range(len(parts), -1, -1)]


def _share(quota: str, period: str) -> Iterator[float]:
    try:
        if int(quota) > 0 and int(period) > 0:
            yield int(quota) / int(period)
    except ValueError:  # "max", or no such file: no limit
        return


def _text(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
