"""``torch.jit``: its annotations and decorators leave functions and modules as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import weft
from weft.compat.torch._refusing import refusal

__all__ = [
    "Attribute", "Error", "Final", "ScriptFunction", "ScriptModule", "annotate", "export",
    "freeze", "fuser", "ignore", "interface", "is_scripting", "is_tracing", "isinstance", "load",
    "optimize_for_inference", "optimized_execution", "save", "script", "script_if_tracing",
    "script_method", "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused",
]  # fmt: skip

_isinstance = isinstance

#: What a scripted module is here: the module itself.
ScriptModule = weft.nn.Module
RecursiveScriptModule = weft.nn.Module
TopLevelTracedModule = weft.nn.Module


class ScriptFunction:
    """The class of scripted functions, which there are none of: `script` returns the function."""


class Error(RuntimeError):
    """What running a scripted program raises in PyTorch."""


def _as_it_is(thing: Any = None, *args: Any, **settings: Any) -> Any:
    """Return what is decorated; where the decorator is called with settings, a decorator."""
    if callable(thing):
        return thing
    return lambda decorated: decorated


ignore = unused = export = interface = script_method = script_if_tracing = _as_it_is
_script_if_tracing = _overload_method = _overload = _as_it_is


def script(obj: Any, *args: Any, **settings: Any) -> Any:
    """Return ``obj``: weft runs Python."""
    return obj


def trace(func: Any, *args: Any, **settings: Any) -> Any:
    """Return ``func``: weft runs Python."""
    return func


def trace_module(mod: Any, inputs: Any, *args: Any, **settings: Any) -> Any:
    """Return ``mod``: weft runs Python."""
    return mod


def freeze(mod: Any, *args: Any, **settings: Any) -> Any:
    """Return ``mod``."""
    return mod


def optimize_for_inference(mod: Any, *args: Any, **settings: Any) -> Any:
    """Return ``mod``."""
    return mod


def is_scripting() -> bool:
    """Return False: no program is ever scripted."""
    return False


def is_tracing() -> bool:
    """Return False: no program is ever traced."""
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """Return ``the_value``."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Return whether ``obj`` is of the type, the arguments of containers aside."""
    from typing import get_origin

    return _isinstance(obj, get_origin(target_type) or target_type)


class Attribute:
    """A value with its type, as scripted modules keep them."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value = value
        self.type = type


@contextmanager
def _nothing(*args: Any, **settings: Any) -> Iterator[None]:
    yield


fuser = optimized_execution = strict_fusion = _nothing


def set_fusion_strategy(strategy: Any) -> Any:
    """Return the strategy: nothing is fused by it."""
    return strategy


def _needs_script(name: str) -> Callable[..., NoReturn]:
    return refusal(
        f"torch.jit.{name}: weft runs no TorchScript; weft.io.load_torchscript reads the "
        "tensors of such a file"
    )


load, save = _needs_script("load"), _needs_script("save")
