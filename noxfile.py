"""Every contributor task, one session each: `nox -l` lists them, `nox -s NAME` runs one.

Sessions install our distributions as real wheels, never editable, so that what is tested is what a
user gets. A wheel is built once for each state of its sources and kept under `.nox/wheels`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "layers", "generate", "governance", "tests"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
DISTRIBUTIONS = {
    "weft": ROOT / "packages" / "core",
    "weft-vision": ROOT / "packages" / "vision",
    "weft-audio": ROOT / "packages" / "audio",
    "weft-hub": ROOT / "hub",
    "weft-steward": ROOT / "governance" / "steward",
}
IMPORT_NAMES = {name: name.replace("-", "_") for name in DISTRIBUTIONS}
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")["dependency-groups"]

# A process of tests for each core; whoever is done first takes over of what others still have.
IN_PARALLEL = ["--numprocesses=auto", "--dist=worksteal"]

# Where tools look for our sources when they read rather than run them.
CHECKED_SOURCES = [
    *(
        str((folder / "src" / IMPORT_NAMES[name]).relative_to(ROOT))
        for name, folder in DISTRIBUTIONS.items()
    ),
    "benchmarks",
    "examples",
    "tools",
]


@nox.session
def demo(session: nox.Session) -> None:
    """Run examples/demo.py in a fresh environment: hub, vision and audio on real inputs."""
    fresh = _environment_of_its_own(session)
    install_ours(session, "weft", "weft-vision", "weft-audio", "weft-hub", into=fresh)
    session.run(fresh, "-m", "pip", "install", "--quiet", *GROUPS["demo"], external=True)
    session.run(fresh, "examples/demo.py", *session.posargs, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need no reference framework; `-- --slow` adds the slow ones."""
    # A -m of the caller's comes later and so replaces this one.
    chosen = [] if "--slow" in session.posargs else ["-m", "not slow"]
    arguments = [argument for argument in session.posargs if argument != "--slow"]
    install_ours(session, *DISTRIBUTIONS)
    session.install(*GROUPS["tests"], *GROUPS["lint"])  # a test generates, which formats
    ours = ["--ignore=tests/parity", *IN_PARALLEL, *chosen]
    session.run("pytest", *ours, *arguments, env=_one_thread())


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff; `-- --fix` repairs what can be repaired."""
    session.install(*GROUPS["lint"])
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    else:
        session.run("ruff", "check", ".")
        session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy: strict where pyproject.toml says so."""
    # nox itself is there so that noxfile.py is checked against the types that it uses.
    session.install(*GROUPS["types"], *GROUPS["demo"], "nox", *third_party_requirements())
    session.run("mypy", *CHECKED_SOURCES)
    session.run("mypy", "noxfile.py")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports point only downward and that `import weft` stays light."""
    install_ours(session, *DISTRIBUTIONS)
    session.install(*GROUPS["tests"])
    session.run("python", "-m", "tools.layers")
    session.run("pytest", "tests/project/test_layers.py", *session.posargs)


@nox.session
def generate(session: nox.Session) -> None:
    """Write what is generated from the catalogue; `-- --check` only compares."""
    install_ours(session, "weft")
    session.install(*GROUPS["lint"])  # generated Python is formatted like written Python
    session.run("python", "-m", "tools.generate", *session.posargs)


@nox.session
def governance(session: nox.Session) -> None:
    """Check the community's data with steward, and steward with its tests."""
    install_ours(session, "weft-steward")
    session.install(*GROUPS["tests"])
    session.run("steward", "check", ".")
    session.run("pytest", "tests/steward", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the guide (MkDocs Material) and the API reference (Sphinx) into site/, strictly."""
    install_ours(session, *DISTRIBUTIONS)
    session.install(*GROUPS["docs"])
    # Material announces the future of MkDocs on every build; this is its own switch for that.
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    session.run("mkdocs", "build", "--strict", "--clean", "--site-dir", "site", env=quiet)
    strict = ["-W", "--keep-going", "-q", "-j", "auto"]
    session.run("sphinx-build", *strict, "-b", "html", "docs/api", "site/api")
    session.run("python", "docs/check_links.py", "site")


@nox.session
def parity(session: nox.Session) -> None:
    """Compare with PyTorch's CPU build and with onnxruntime."""
    install_ours(session, "weft", "weft-vision", "weft-audio", "weft-hub")
    session.install(*GROUPS["tests"], *GROUPS["parity"])
    # These require frameworks that nothing here uses: their weights and model files are wanted.
    session.install("--no-deps", *GROUPS["parity-weights"], *GROUPS["parity-models"])
    # What writes `hf:` repositories, in a folder that only those tests look into: torchvision is
    # built for CUDA and breaks what imports it here, so that they declare its operators first.
    writers = ROOT / ".nox" / "parity-layouts"
    kept = ("--quiet", "--no-deps", "--upgrade", "--target", str(writers))
    session.install(*kept, *GROUPS["parity-layouts"])
    places = {"WEFT_PARITY_LIBRARIES": str(writers)}
    session.run(
        "pytest", "tests/parity", *IN_PARALLEL, *session.posargs, env=_one_thread() | places
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Measure side by side with PyTorch and write benchmarks/results/."""
    install_ours(session, "weft", "weft-vision", "weft-audio", "weft-hub")
    session.install(*GROUPS["parity"], *GROUPS["bench"])
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(reuse_venv=False)
def build(session: nox.Session) -> None:
    """Build sdists and wheels, install each alone into a clean environment and import it."""
    session.install(*GROUPS["build"])
    out = ROOT / "dist"
    shutil.rmtree(out, ignore_errors=True)
    for folder in DISTRIBUTIONS.values():
        # Without isolation: hatchling is already here. The wheel is made from the sdist.
        session.run(
            "python",
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            str(out),
            str(folder),
            silent=True,
        )
    wheels = {name: _only(out.glob(f"{IMPORT_NAMES[name]}-*.whl")) for name in DISTRIBUTIONS}
    for name in DISTRIBUTIONS:
        _only(out.glob(f"{IMPORT_NAMES[name]}-*.tar.gz"))
        alone = _environment_of_its_own(session, f"build-{name}")
        needed = [str(wheels[one]) for one in with_our_requirements(name)]
        session.run(alone, "-m", "pip", "install", "--quiet", *needed, external=True)
        session.run(alone, "-m", "pip", "check", external=True)
        session.run(
            alone,
            "-I",
            "-c",
            f"import importlib.metadata, {IMPORT_NAMES[name]} as package; "
            f"print(package.__name__, importlib.metadata.version('{name}'))",
            external=True,
        )
        for command in _commands_of(name):
            session.run(str(Path(alone).parent / command), "--help", external=True, silent=True)
    session.log(f"{len(DISTRIBUTIONS)} sdists and wheels stand in dist/")


@nox.session
def gpu(session: nox.Session) -> None:
    """Run the tests marked gpu; without an NVIDIA GPU, say so in one line and skip."""
    reason = _why_no_gpu()
    if reason is None and not _some_test_says("pytest.mark.gpu"):
        reason = "there is a GPU, but no test is marked gpu yet"
    if reason:
        session.skip(f"SKIPPED gpu: {reason}")
    install_ours(session, "weft", "weft-vision", "weft-audio", "weft-hub", extras="[cuda12]")
    session.install(*GROUPS["tests"])
    session.run("pytest", "tests", "--ignore=tests/parity", "-m", "gpu", *session.posargs)


@nox.session(default=False)
def changelog(session: nox.Session) -> None:
    """Gather the news fragments in changes/ into CHANGELOG.md: `nox -s changelog -- VERSION`."""
    session.install(*GROUPS["news"])
    if not session.posargs:
        session.run("towncrier", "build", "--draft", "--version", "unreleased")
    else:
        session.run("towncrier", "build", "--yes", "--version", session.posargs[0])


# ---------------------------------------------------------------- our distributions as wheels


def install_ours(session: nox.Session, *names: str, into: str = "python", extras: str = "") -> None:
    """Install the named distributions and ours that they need, from wheels of this tree."""
    wanted = [one for one in DISTRIBUTIONS if one in _closure(names)]
    wheels = [str(built_wheel(session, one)) for one in wanted]
    external = into != "python"
    arguments = [f"weft{extras} @ {Path(wheels[0]).as_uri()}", *wheels[1:]] if extras else wheels
    session.run(into, "-m", "pip", "install", "--quiet", *arguments, external=external)
    # The version stays the same between two states of the tree, so pip alone would keep the old.
    session.run(
        into,
        *("-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"),
        *wheels,
        external=external,
    )


def built_wheel(session: nox.Session, name: str) -> Path:
    """Return the wheel of one distribution as it stands in the tree, building it if needed."""
    folder = DISTRIBUTIONS[name]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not {"__pycache__", "dist"} & set(inside.parts):
            digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    kept = ROOT / ".nox" / "wheels" / f"{name}-{digest.hexdigest()[:16]}"
    if not list(kept.glob("*.whl")):
        builder = _environment_of_its_own(session, "wheel-builder", reuse=True)
        hatchling = next(one for one in GROUPS["build"] if one.startswith("hatchling"))
        session.run(builder, "-m", "pip", "install", "--quiet", hatchling, external=True)
        session.run(
            builder,
            *("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--wheel-dir", str(kept), str(folder)),
            external=True,
        )
    return _only(kept.glob("*.whl"))


def with_our_requirements(name: str) -> list[str]:
    """Return the distribution and those of ours that it needs, the lowest first."""
    needed = _closure([name])
    return [one for one in DISTRIBUTIONS if one in needed]


def third_party_requirements() -> list[str]:
    """Return what our distributions need from elsewhere, as pip takes it."""
    every = [text for name in DISTRIBUTIONS for text in _requirements(name)]
    return sorted({text for text in every if _bare_name(text) not in DISTRIBUTIONS})


def _closure(names: tuple[str, ...] | list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                bare for bare in map(_bare_name, _requirements(name)) if bare in DISTRIBUTIONS
            ]
    return found


def _project(name: str) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(
        (DISTRIBUTIONS[name] / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    return project


def _requirements(name: str) -> list[str]:
    return list(_project(name).get("dependencies", []))


def _commands_of(name: str) -> list[str]:
    return sorted(_project(name).get("scripts", {}))


def _bare_name(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;@]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _only(paths: Iterable[Path]) -> Path:
    found = list(paths)
    if len(found) != 1:
        raise RuntimeError(f"expected exactly one file, found {[str(path) for path in found]}")
    return found[0]


# ---------------------------------------------------------------------------- environments


def _environment_of_its_own(
    session: nox.Session, name: str = "fresh", *, reuse: bool = False
) -> str:
    """Make an environment beside the session's own and return the path of its Python."""
    folder = ROOT / ".nox" / f"env-{name}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if reuse and python.exists():
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    session.run(sys.executable, "-m", "virtualenv", "--quiet", str(folder), external=True)
    return str(python)


def _one_thread() -> dict[str, str]:
    """Keep the tests' arithmetic in one order: a threaded BLAS may sum in another."""
    return {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _some_test_says(text: str) -> bool:
    return any(text in path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))


def _why_no_gpu() -> str | None:
    """Say in one sentence why the gpu session cannot run, or return None where it can."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "no NVIDIA driver on this machine (nvidia-smi is not on the PATH)"
    asked = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    if asked.returncode != 0 or "GPU" not in asked.stdout:
        said = (asked.stderr or asked.stdout).strip().splitlines()
        return f"nvidia-smi lists no GPU ({said[0] if said else 'it printed nothing'})"
    return None
