"""Check which module imports which: `python -m tools.layers` fails on an import that points upward.

The sources are parsed, never run. Imports under `if TYPE_CHECKING:` do not count: they are not
there at run time. Imports inside functions do count: a late import is an import all the same.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# weft's layers, the highest first. Modules of one layer may import each other and everything below.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"weft"}),  # the package itself: its table of contents
    frozenset(
        {"nn", "optim", "data", "amp", "io", "compat", "onnx", "graph", "profiler"}
        | {"array_api", "testing"}
        | {"distributions", "text"}
        | {"linalg", "fft", "special", "signal", "foreach", "cuda", "cpu", "backends"}
        | {"debug", "library", "utils"}
        | {"config", "settings"}
    ),
    frozenset({"_tensor", "printing", "random", "autograd", "func"}),
    frozenset({"transforms", "compile"}),
    frozenset({"ops"}),
    frozenset({"_core"}),
    frozenset({"_backend", "_names", "version"}),
)
# Layers from this one up are written against the public names and may say `import weft`.
PUBLIC_LAYER = 1
# Array libraries have one way in.
BACKEND_ONLY = frozenset({"numpy", "cupy", "ml_dtypes", "scipy", "numba", "llvmlite"})

# Which of our packages each may import. The hub knows no domain package and steward no weft.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "weft": frozenset(),
    "weft_vision": frozenset({"weft"}),
    "weft_audio": frozenset({"weft"}),
    "weft_hub": frozenset({"weft"}),
    "weft_steward": frozenset(),
}
SOURCE_FOLDERS = {
    "weft": "packages/core",
    "weft_vision": "packages/vision",
    "weft_audio": "packages/audio",
    "weft_hub": "hub",
    "weft_steward": "governance/steward",
}
# Where a distribution is not called what its module is called.
DISTRIBUTION_OF = {"PIL": "pillow", "yaml": "pyyaml"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module (and, for `from a import b`, one name), where it stands."""

    path: Path
    line: int
    importer: str
    module: str
    name: str | None = None

    def __str__(self) -> str:
        what = f"{self.module}.{self.name}" if self.name else self.module
        return f"{self.path}:{self.line}: {self.importer} imports {what}"


def violations(root: Path) -> list[str]:
    """Return one sentence for each import in the tree that the rules forbid, sorted."""
    found: list[str] = []
    for package, folder in SOURCE_FOLDERS.items():
        source = root / folder / "src" / package
        if not source.is_dir():
            found.append(f"{source}: the sources of {package} are missing")
            continue
        declared = declared_dependencies(root / folder / "pyproject.toml")
        if package == "weft":
            found += [
                f"{path}: weft.{path.stem} stands in no layer; name it in LAYERS"
                for path in source.iterdir()
                if path.suffix == ".py" or any(path.rglob("*.py"))
                if path.stem != "__init__" and _layer_of(path.stem) is None
            ]
        for one in imports_of(source, package):
            found += _judge(one, package, declared)
    return sorted(set(found))


def imports_of(source: Path, package: str) -> Iterator[Import]:
    """Yield every run-time import in the package's files, relative ones resolved."""
    for path in sorted(source.rglob("*.py")):
        parts = [package, *path.relative_to(source).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        importer = ".".join(parts[:-1] if is_package else parts)
        for node in _run_time_nodes(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(path, node.lineno, importer, alias.name)
            elif isinstance(node, ast.ImportFrom):
                module = _absolute(node, importer, is_package)
                for alias in node.names:
                    yield Import(path, node.lineno, importer, module, alias.name)


def declared_dependencies(pyproject: Path) -> frozenset[str]:
    """Return the names that a distribution declares, its extras included, in lower case."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    listed = list(project.get("dependencies", []))
    for extra in project.get("optional-dependencies", {}).values():
        listed += extra
    return frozenset(
        re.split(r"[\s\[<>=!~;@]", text, maxsplit=1)[0].lower().replace("-", "_") for text in listed
    )


def _judge(one: Import, package: str, declared: frozenset[str]) -> Iterator[str]:
    top = one.module.split(".")[0]
    if top == package:
        if package == "weft":
            yield from _judge_layers(one)
    elif top in MAY_IMPORT:
        if top not in MAY_IMPORT[package]:
            allowed = ", ".join(sorted(MAY_IMPORT[package])) or "none of our packages"
            yield f"{one}: {package} may import {allowed}"
        elif _is_private(one):
            yield f"{one}: that is private; {package} is written against the public names of {top}"
    elif top not in sys.stdlib_module_names:
        if package == "weft" and top in BACKEND_ONLY and _second(one.importer) != "_backend":
            yield f"{one}: only weft._backend imports {top}"
        name = DISTRIBUTION_OF.get(top, top)
        if not any(known == name.lower() or known.startswith(f"{name}_") for known in declared):
            yield f"{one}: {package}'s pyproject.toml does not declare {name}"


def _judge_layers(one: Import) -> Iterator[str]:
    importer = _layer_of(_second(one.importer))
    # `from weft import nn` reaches weft.nn; `from weft import Tensor` reaches the package itself.
    target_name = _second(one.module)
    if target_name == "weft" and one.name is not None and _layer_of(one.name) is not None:
        target_name = one.name
    target = _layer_of(target_name)
    if importer is None or target is None:
        return  # a module that stands in no layer is reported once, by its file
    if target == 0 and importer > PUBLIC_LAYER:
        yield f"{one}: {_named(importer)} lies below the package's public names"
    elif 0 < target < importer:
        yield f"{one}: that points upward, from {_named(importer)} to {_named(target)}"


def _layer_of(name: str) -> int | None:
    return next((index for index, layer in enumerate(LAYERS) if name in layer), None)


def _named(layer: int) -> str:
    return f"layer {len(LAYERS) - 1 - layer} ({' '.join(sorted(LAYERS[layer]))})"


def _second(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _is_private(one: Import) -> bool:
    parts = [*one.module.split("."), *([one.name] if one.name else [])]
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def _absolute(node: ast.ImportFrom, importer: str, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = importer.split(".")
    kept = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[:kept], *([node.module] if node.module else [])])


def _run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            for other in node.orelse:
                yield other
                yield from _run_time_nodes(other)
            continue
        yield node
        yield from _run_time_nodes(node)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def main() -> int:
    """Print every violation and return the exit status."""
    root = Path(__file__).resolve().parent.parent
    found = violations(root)
    for sentence in found:
        print(sentence.replace(f"{root}/", ""))
    print(f"layers: {len(found)} violations" if found else "layers: imports point only downward")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
