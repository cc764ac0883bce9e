"""What a command prints when it was asked for JSON."""

from __future__ import annotations

import json
import sys
from typing import Any


def print_json(data: Any) -> None:
    """Print `data` on standard output, indented, with a line feed at its end."""
    json.dump(data, sys.stdout, indent=2)
    print()
