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
        print(f"\n{name}: stopped; --resume goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)  # as a shell has it for Ctrl-C
    except OSError as error:
        sys.exit(f"{name}: {error}")
