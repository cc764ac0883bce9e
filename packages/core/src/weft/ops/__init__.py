"""Every op, each in one file. A file loads when a function in it is first used."""

import importlib

from weft._core import catalogue


def load_all() -> None:
    """Load every op module, so that the catalogue is complete: for tests and generators."""
    import pkgutil  # only tests and generators pay for it

    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            importlib.import_module(f"{__name__}.{module.name}")


__all__ = ["catalogue", "load_all"]
