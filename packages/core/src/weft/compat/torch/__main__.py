"""``python -m weft.compat.torch PROGRAM [ARGUMENTS]``: a PyTorch program, on weft."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from weft.compat.torch import install


def main() -> None:
    """Run the program named first, with the arguments after it, under the alias."""
    if len(sys.argv) < 2 or sys.argv[1] in {"-h", "--help"}:
        sys.exit("usage: python -m weft.compat.torch (PROGRAM.py | -m MODULE) [ARGUMENTS]")
    del sys.argv[0]
    install()
    if sys.argv[0] == "-m":
        del sys.argv[0]
        if not sys.argv:
            sys.exit("python -m weft.compat.torch -m: the name of a module is missing")
        sys.path.insert(0, "")
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        return
    program = Path(sys.argv[0])
    if not program.is_file():
        sys.exit(f"python -m weft.compat.torch: there is no file {program}")
    sys.path.insert(0, str(program.resolve().parent))
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main()
