"""The commands that look after the cache: `weft-hub cache list`, `verify`, `remove`, `prune`."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from weft_hub._commands.arguments import add_json, by
from weft_hub._commands.json_output import print_json
from weft_hub._texts.quantities import parse_age, parse_size, show_files, show_size
from weft_hub.cache._pruning import Pruned, prune, remove
from weft_hub.errors import SettingError
from weft_hub.hub import Hub
from weft_hub.settings import Settings


def add_to(cache: Any) -> None:
    """Add the commands to the parser of `weft-hub cache`."""
    one = cache.add_parser("list", help="list the verified files in the cache")
    add_json(one)
    one.set_defaults(run=cache_list)

    one = cache.add_parser("verify", help="compute every digest again; set damaged files aside")
    one.set_defaults(run=cache_verify)

    one = cache.add_parser("remove", help="remove models by name, or files by digest")
    one.add_argument(
        "what", metavar="NAME_OR_DIGEST", nargs="+",
        help="a model, a repository (hf:OWNER/NAME), or a SHA-256",
    )  # fmt: skip
    _add_dry_run(one)
    one.set_defaults(run=cache_remove)

    one = cache.add_parser("prune", help="remove what was not used for long, or is too much")
    one.add_argument(
        "--max-size", metavar="SIZE", type=by(parse_size),
        help="keep at most so much, such as 20GB; otherwise WEFT_HUB_CACHE_LIMIT",
    )  # fmt: skip
    one.add_argument(
        "--older-than", metavar="AGE", type=by(parse_age),
        help="remove what was not used for so long, such as 30d",
    )  # fmt: skip
    _add_dry_run(one)
    one.set_defaults(run=cache_prune)


def cache_list(options: argparse.Namespace) -> int:
    """Print one line for each file in the cache."""
    hub = Hub()
    used = hub.cache.users()
    rows = [
        {"sha256": sha256, "size": size, "files": used.get(sha256, [])}
        for sha256, size in hub.cache.entries()
    ]
    if options.json:
        print_json({"cache": str(hub.cache.root), "blobs": rows})
        return 0
    print(hub.cache.root)
    for sha256, size in hub.cache.entries():
        of = ", ".join(used.get(sha256, ["of no model"]))
        print(f"  {sha256}  {show_size(size):>9}  {of}")
    print(f"  {show_files(len(rows))}, {show_size(sum(size for _, size in hub.cache.entries()))}")
    return 0


def cache_verify(options: argparse.Namespace) -> int:
    """Compute the digest of each cached file again; damaged ones are set aside."""
    hub = Hub()
    damaged = 0
    entries = hub.cache.entries()
    for sha256, _ in entries:
        got = hub.cache.verify(sha256)
        if got is not None:
            damaged += 1
            hub.cache.set_aside(sha256)
            print(
                f"weft-hub: {hub.cache.blob(sha256)} is damaged: it has SHA-256 {got}; it was set "
                "aside and will be fetched again when it is needed",
                file=sys.stderr,
            )
    whole = len(entries) - damaged
    verb = "is" if len(entries) == 1 else "are"
    print(f"{whole} of {show_files(len(entries))} in {hub.cache.root} {verb} whole")
    return 1 if damaged else 0


def cache_remove(options: argparse.Namespace) -> int:
    """Remove what is named, all of it or nothing."""
    _report(remove(Hub().cache, options.what, dry_run=options.dry_run), options)
    return 0


def cache_prune(options: argparse.Namespace) -> int:
    """Remove the least recently used files; exit code 1 if the limit could not be kept."""
    limit = options.max_size
    if limit is None:
        limit = Settings.from_environment().cache_limit
    if limit is None and options.older_than is None:
        raise SettingError(
            "cache prune needs a limit: --max-size SIZE, --older-than AGE or WEFT_HUB_CACHE_LIMIT"
        )
    done = prune(
        Hub().cache, max_size=limit, older_than_s=options.older_than, dry_run=options.dry_run
    )
    _report(done, options)
    if limit is not None and done.size > limit:
        print(
            f"weft-hub: {show_size(done.size)} are left, more than {show_size(limit)}: "
            f"running processes use {show_files(len(done.kept_in_use))} of it",
            file=sys.stderr,
        )
        return 1
    return 0


def _report(done: Pruned, options: argparse.Namespace) -> None:
    if options.json:
        data = {
            "dry_run": options.dry_run,
            "removed": [{"sha256": blob.sha256, "size": blob.size} for blob in done.blobs],
            "models": list(done.models),
            "other_bytes": done.other_bytes,
            "kept_in_use": list(done.kept_in_use),
            "freed": done.freed,
            "size": done.size,
        }
        print_json(data)
        return
    for blob in done.blobs:
        day = time.strftime("%Y-%m-%d", time.localtime(blob.used_s))
        print(f"  {blob.sha256}  {show_size(blob.size):>9}  last used {day}")
    for digest in done.kept_in_use:
        print(f"  {digest}  is used by a running process and stays")
    verb = "was" if len(done.blobs) == 1 else "were"
    verb = "would be removed" if options.dry_run else f"{verb} removed"
    models = f" ({', '.join(done.models)})" if done.models else ""
    print(
        f"{show_files(len(done.blobs))}{models}, {show_size(done.freed)}, {verb}; "
        f"{show_size(done.size)} are left"
    )


def _add_dry_run(one: argparse.ArgumentParser) -> None:
    one.add_argument("--dry-run", action="store_true", help="only show what would be removed")
    add_json(one)
