"""How a program ends that was stopped, or whose files are not there: with one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def program(main: Callable[[], None]) -> None:
    """Run a program; Ctrl-C and what the system says of files end it with a line, not a trace."""
    name = Path(sys.argv[0]).stem
    try:
        main()
    except KeyboardInterrupt:
        said = "stopped; once training has begun, --resume goes on from its last checkpoint"
        print(f"\n{name}: {said}", file=sys.stderr)
        sys.exit(130)  # as a shell has it for Ctrl-C
    except OSError as error:
        sys.exit(f"{name}: {error}")
