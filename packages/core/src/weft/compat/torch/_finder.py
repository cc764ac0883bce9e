"""The finder that answers imports of ``torch`` and of its distribution while the alias stands."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from email.message import Message
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from weft._core.errors import did_you_mean
from weft.compat.torch._modules import Stand, absent
from weft.compat.torch._places import find
from weft.compat.torch.names.version import __version__ as VERSION


def is_torch(name: str) -> bool:
    """Return whether ``name`` is torch or a module below it."""
    return name == "torch" or name.startswith("torch.")


class _StandLoader(Loader):
    """Makes the module that stands for one of torch's."""

    def __init__(self, places: tuple[str, ...]) -> None:
        self.places = places

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Stand(spec.name, self.places)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__file__"] = __file__


class _TorchDistribution(Distribution):
    """What ``importlib.metadata`` answers about the distribution ``torch``."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        metadata = Message()
        metadata["Metadata-Version"] = "2.1"
        metadata["Name"] = "torch"
        metadata["Version"] = VERSION
        return metadata.as_string()

    def locate_file(self, path: Any) -> Any:
        return Path(__file__).parent / path


def _only_asked() -> bool:
    """Return whether it is asked if a module exists (``importlib.util.find_spec``), not for it."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        if frame.f_globals["__name__"] == "importlib.util":
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return False


class TorchFinder(MetaPathFinder):
    """Finds weft's stand-ins for ``torch`` and every ``torch.…``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not is_torch(fullname):
            return None
        places = find(fullname)
        if places is not None:
            return ModuleSpec(fullname, _StandLoader(places), is_package=True)
        if _only_asked():
            return None
        above, _, last = fullname.rpartition(".")
        near = did_you_mean(last, dir(sys.modules[above])) if above in sys.modules else ""
        raise ModuleNotFoundError(absent(fullname, near), name=f"{fullname} under weft's alias")

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        name = None if context is None else context.name
        return [_TorchDistribution()] if name is None or name.lower() == "torch" else []
