"""The commands for those who contribute a model: `weft-hub new`, `check` and `publish`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_hub._commands.arguments import add_fetching, add_json, add_root, by
from weft_hub._commands.json_output import print_json
from weft_hub._texts.toml_values import parse_pair

if TYPE_CHECKING:  # the commands load what they need: `weft-hub list` starts without it
    from weft_hub._contribution.checking import Report


def add_to(commands: Any) -> None:
    """Add the commands to the parser of `weft-hub`."""
    _add_new(commands)

    one = commands.add_parser("check", help="check a contribution as the registry's tests do")
    one.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        default=["."],
        help="folders NAMESPACE/NAME of entries; the current one if none is given",
    )
    _add_rules(one)
    add_json(one)
    one.set_defaults(run=check)

    one = commands.add_parser("publish", help="write the files of the pull request; push nothing")
    one.add_argument("folder", metavar="FOLDER", nargs="?", default=".")
    one.add_argument(
        "--to",
        metavar="CHECKOUT",
        type=Path,
        required=True,
        help="a checkout of weft, or a folder of entries",
    )
    one.add_argument(
        "--text",
        metavar="FILE",
        type=Path,
        help="where the text of the pull request goes (NAMESPACE-NAME.pull-request.md)",
    )
    _add_rules(one)
    one.set_defaults(run=publish)


def _add_new(commands: Any) -> None:
    one = commands.add_parser(
        "new", help="start a contribution: a folder with everything explained"
    )
    one.add_argument("name", metavar="NAMESPACE/NAME", help="how the model will be called")
    one.add_argument("--into", metavar="FOLDER", type=Path, default=Path(), help="where to make it")
    one.add_argument(
        "--file",
        metavar="PATH",
        dest="files",
        action="append",
        type=Path,
        help="a file of the model, the weights first; size and SHA-256 are computed",
    )
    one.add_argument(
        "--format",
        choices=["safetensors", "pytorch", "torchscript", "onnx"],
        help="the format of the weights; otherwise told by the ending",
    )
    one.add_argument(
        "--source",
        metavar="URI",
        dest="sources",
        action="append",
        help="where the weights can be fetched; a small file is otherwise copied",
    )
    one.add_argument("--version", metavar="N.N.N", dest="model_version", default="1.0.0")
    one.add_argument("--task", help="such as image-classification")
    one.add_argument("--summary", help="one line that says what the model is")
    one.add_argument("--license", metavar="SPDX", help="the licence of the weights")
    one.add_argument("--author", metavar="NAME", dest="authors", action="append")
    one.add_argument("--provenance", help="where the weights come from")
    one.add_argument("--paper", metavar="ADDRESS", help="the address of the paper")
    one.add_argument("--package", help="the distribution that builds the model, or knows its task")
    one.add_argument("--factory", help="the name of its entry point in the group weft.models")
    one.add_argument(
        "--setting",
        metavar="KEY=VALUE",
        dest="settings",
        action="append",
        type=by(parse_pair),
        help="an argument of the factory",
    )
    one.add_argument(
        "--preprocess",
        metavar="KEY=VALUE",
        action="append",
        type=by(parse_pair),
        help="a setting of the task's preprocessing",
    )
    labels = one.add_mutually_exclusive_group()
    labels.add_argument("--labels", metavar="SET", help="the name of a label set of the task")
    labels.add_argument(
        "--label",
        metavar="TEXT",
        dest="own_labels",
        action="append",
        help="the meaning of one output, in order",
    )
    one.set_defaults(run=new)


def _add_rules(one: argparse.ArgumentParser) -> None:
    one.add_argument("--private", action="store_true", help="for an index of one's own")
    add_root(one)
    add_fetching(one)


def new(options: argparse.Namespace) -> int:
    """Make the folder of a contribution and print it."""
    from weft_hub._contribution.scaffold import Draft, make

    files = tuple(options.files or ())
    labels = options.labels if options.labels is not None else options.own_labels
    draft = Draft(
        name=options.name,
        version=options.model_version,
        task=options.task,
        summary=options.summary,
        license=options.license,
        authors=tuple(options.authors or ()),
        provenance=options.provenance,
        paper=options.paper,
        labels=tuple(labels) if isinstance(labels, list) else labels,
        package=options.package,
        factory=options.factory,
        settings=dict(options.settings) if options.settings else None,
        preprocess=dict(options.preprocess) if options.preprocess else None,
        files=files,
        format=options.format,
        sources=tuple(options.sources or ()),
    )
    print(make(draft, options.into))
    return 0


def check(options: argparse.Namespace) -> int:
    """Check contributions, print all that was found, and return 1 if anything failed."""
    reports = _reports(options.folders, options)
    passed = all(report.passed for report in reports)
    if options.json:
        data = {"passed": passed, "entries": [report.as_data() for report in reports]}
        print_json(data)
    else:
        for report in reports:
            print(_text(report))
    return 0 if passed else 1


def publish(options: argparse.Namespace) -> int:
    """Check a contribution, copy it into a checkout and write the text of the pull request."""
    from weft_hub._contribution import publishing

    (report,) = _reports([options.folder], options)
    if not report.passed:
        print(_text(report))
    text = options.text or Path(f"{report.name.replace('/', '-')}.pull-request.md")
    done = publishing.publish(report, options.to, text)
    print(f"entry         {done.folder}")
    if done.branch is not None:
        print(f"branch        {done.branch}, staged and not committed")
    print(f"pull request  {done.text}")
    return 0


def _reports(folders: Sequence[str], options: argparse.Namespace) -> list[Report]:
    from weft_hub._contribution.checking import Rules
    from weft_hub._contribution.checking import check as look
    from weft_hub.progress import choose
    from weft_hub.settings import Settings

    offline = Settings.from_environment().offline if options.offline is None else options.offline
    rules = Rules(offline=offline, private=options.private, root=options.root)
    show = choose(False if options.quiet else None)
    return [look(Path(folder), rules, progress=show) for folder in folders]


def _text(report: Report) -> str:
    version = f" {report.card.version}" if report.card is not None else ""
    lines = [f"{report.name}{version}"]
    lines += [f"  {one.state:<7}  {one.part:<7}  {one.text}" for one in report.findings]
    count = {state: 0 for state in ("ok", "failed", "skipped")}
    for one in report.findings:
        count[one.state] += 1
    lines.append(f"{count['ok']} ok, {count['failed']} failed, {count['skipped']} skipped")
    return "\n".join(lines)
