"""The base classes of torch.nn.modules under the alias: there, and bases of the same layers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import pytest
import torch

import weft
from weft.compat.torch import alias

#: What is absent, and why.
ABSENT = {
    "_LazyProtocol": "a Protocol for type checkers",
    "_AutoDefault": "PyTorch's choice of chunks",
    "_ChunkContext": "PyTorch's way through the chunks",
    "_ChunkViews": "likewise",
    "_WrappedHook": "how PyTorch keeps a hook that gets its module",
}


def modules() -> dict[str, ModuleType]:
    """Return the modules of torch.nn.modules by name."""
    found = (info.name for info in pkgutil.iter_modules(torch.nn.modules.__path__))
    names = [name for name in found if not name.startswith("_")]
    return {name: importlib.import_module(f"torch.nn.modules.{name}") for name in names}


def defined(module: ModuleType) -> dict[str, Any]:
    """Return the classes that a module of torch defines."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and name not in ABSENT
    }


CLASSES = {name: defined(module) for name, module in modules().items()}


@pytest.mark.parametrize("name", [name for name, classes in CLASSES.items() if classes])
def test_the_classes_of_a_module_are_found_where_torch_has_them(name: str) -> None:
    with alias():
        ours = importlib.import_module(f"torch.nn.modules.{name}")
        assert {entry for entry in CLASSES[name] if not hasattr(ours, entry)} == set()


@pytest.mark.parametrize("name", sorted(set(weft.nn.__all__) & set(vars(torch.nn))))
def test_a_layer_has_the_bases_that_torchs_has(name: str) -> None:
    theirs = getattr(torch.nn, name)
    if not (inspect.isclass(theirs) and issubclass(theirs, torch.nn.Module)):
        return
    with alias():
        for base in theirs.__mro__[1:]:
            place = base.__module__.removeprefix("torch.nn.modules.")
            if place in CLASSES and base.__name__ in CLASSES[place]:
                ours = importlib.import_module(f"torch.nn.modules.{place}")
                found = getattr(ours, base.__name__)
                assert issubclass(getattr(weft.nn, name), found), base.__name__


def test_a_layer_of_ones_own_is_built_on_torchs_base_classes() -> None:
    with alias():
        from torch.nn.modules.batchnorm import _BatchNorm
        from torch.nn.modules.conv import _ConvNd

        class MyConv(_ConvNd):
            def __init__(self, channels: int) -> None:
                super().__init__(
                    channels, 2 * channels, (3, 3), (1, 1), (1, 1), (1, 1), False, (0, 0), 1, True,
                    "reflect",
                )  # fmt: skip

        class AnyNorm(_BatchNorm):
            def _check_input_dim(self, input: Any) -> None:
                return

        conv = MyConv(4)
        assert conv.weight.shape == (8, 4, 3, 3)
        assert tuple(conv._reversed_padding_repeated_twice) == (1, 1, 1, 1)
        assert AnyNorm(3)(weft.rand(2, 3, 1, 1, 1, 4)).shape == (2, 3, 1, 1, 1, 4)


def test_data_parallel_is_the_module_under_pytorchs_keys() -> None:
    with alias():
        import torch as stand

        wrapped = stand.nn.DataParallel(weft.nn.Linear(2, 3))
    theirs = torch.nn.DataParallel(torch.nn.Linear(2, 3))
    assert list(wrapped.state_dict()) == list(theirs.state_dict())
    assert repr(wrapped) == repr(theirs)
    assert wrapped(weft.ones(1, 2)).shape == (1, 3)
