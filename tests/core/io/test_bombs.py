"""The limits of the pickle interpreter as they are: the largest programs that they let through.

Slow: each runs to its limit, in a process whose address space ends at four gigabytes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import weft
from tests.core.io.torch_files import Name, Raw, assembled, storage, tensor, zip_checkpoint

CALL = tensor(storage("0", "FloatStorage", 6), (6,))
ORDERED = assembled(Name("collections", "OrderedDict"))
# Each stays just within the limits, so that all of it is built.
PROGRAMS = {
    "empty sets": lambda: b"(" + b"\x8f" * 1_990_000 + b"t",
    "memo places": lambda: b"N" + b"\x94" * 1_490_000,
    "ordered dicts": lambda: ORDERED + b"q\x00)q\x0100(" + b"h\x00h\x01R" * 990_000 + b"t",
    "tensors": lambda: (
        assembled(CALL.function)
        + b"q\x00"
        + assembled(CALL.arguments)
        + b"q\x0100("
        + b"h\x00h\x01R" * 490_000
        + b"t"
    ),
    "values": lambda: b"(" + b"N" * 4_990_000 + b"t",
    "strings": lambda: b"(" + b"X\x04\0\0\0\xf0\x9f\x98\x80" * 4_900_000 + b"t",
    "names": lambda: b"(" + b"ctorch\nfloat32\n" * 4_900_000 + b"t",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_largest_programs_fit_in_bounded_memory(name, tmp_path):
    pytest.importorskip("resource", reason="setrlimit, which bounds the memory, is of Unix")
    path = tmp_path / "bomb.pth"
    path.write_bytes(zip_checkpoint(Raw(PROGRAMS[name]()), {"0": bytes(24)}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.io.test_bombs", str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "built"), done.stderr[-2000:]


def main(path: str) -> None:
    """Load one file with four gigabytes of address space at most."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    weft.io.load_pytorch(Path(path))
    print("built")


if __name__ == "__main__":
    main(sys.argv[1])
