"""`python -m weft_steward` is the command `steward`."""

import sys

from weft_steward.cli import main

if __name__ == "__main__":
    sys.exit(main())
