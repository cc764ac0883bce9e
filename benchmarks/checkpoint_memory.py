"""The most memory that a training step needs at once, with checkpoints and without, beside PyTorch.

Each step runs in a fresh process after one step of another batch size, so that what is loaded on
first use is there; the peak of the process's resident memory is then set back, which Linux lets a
process do, and what the step adds to it is the result.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.measure import Row, compare_processes, main

PROGRAM = """
import {library} as lib
from {library} import nn
from {library}.utils.checkpoint import checkpoint_sequential

def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

lib.manual_seed(0)
{network}
net = nn.Sequential(*layers)

def step(x):
    out = {run}
    (out * out).mean().backward()
    net.zero_grad()

step(lib.randn({warm}))
x = lib.randn({shape})
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
before = status("VmRSS")
step(x)
print(status("VmHWM") - before)
"""

MLP = """
layers = []
for _ in range(36):
    layers += [nn.Linear(256, 256), nn.Tanh()]
"""
CONVOLUTIONS = """
layers = []
for _ in range(16):
    layers += [nn.Conv2d(16, 16, 3, padding=1), nn.Tanh()]
"""
# name, network, warm-up batch, batch, how many segments
CASES = (
    ("MLP of 36 layers of width 256, batch 4096", MLP, "8, 256", "4096, 256", 12),
    ("16 convolutions of 16 channels, 8 images of 64 x 64", CONVOLUTIONS,
     "1, 16, 8, 8", "8, 16, 64, 64", 8),
)  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield two rows for each network: the whole tape, and segments that are checkpointed."""
    if not sys.platform.startswith("linux"):
        raise SystemExit(
            "checkpoint_memory: the peak of resident memory is read from Linux's /proc"
        )
    for name, network, warm, shape, segments in CASES:
        forms = {
            name: "net(x)",
            f"the same in {segments} checkpointed segments": (
                f"checkpoint_sequential(net, {segments}, x, use_reentrant=False)"
            ),
        }
        for what, run in forms.items():
            programs = {
                library: PROGRAM.format(
                    library=library, network=network, run=run, warm=warm, shape=shape
                )
                for library in ("weft", "torch")
            }
            yield compare_processes(what, baseline="torch", rounds=3, unit="B", **programs)


if __name__ == "__main__":
    main(rows)
