"""Run the attacks: `python -m hub.attacks [NAME...]`; exit code 1 if one is not beaten as meant."""

from __future__ import annotations

import sys

from hub.attacks.runner import NAMES, run


def main(names: list[str]) -> int:
    """Run the attacks called `names`, or all, and print one line for each."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no attack is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
        return 1
    through = 0
    for name in names or NAMES:
        result = run(name)
        through += not result.beaten
        how = result.how if len(result.how) <= 300 else result.how[:299] + "…"
        print(f"{'beaten' if result.beaten else 'NOT BEATEN':<11} {name}: {result.what}")
        print(f"{'':<11} {how}")
    print(f"{len(names or NAMES) - through} beaten as meant, {through} not")
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
