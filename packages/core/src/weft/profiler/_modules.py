"""Calls of modules as spans, called by their path in the outermost one."""

from __future__ import annotations

from typing import Any

from weft.profiler._recording import MODULE, Recorder


class Modules:
    """Makes spans of the calls of modules while it is entered."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._plain: Any = None
        self._paths: dict[int, tuple[Any, str]] = {}  # with the module, so that no id is reused

    def enter(self) -> None:
        from weft.nn.module import Module

        plain = self._plain = Module.__call__
        recorder = self._recorder

        # called self, as nan_origin finds the modules on the stack by that name
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            span = recorder.begin(MODULE, name_of(self))
            try:
                return plain(self, *args, **kwargs)
            finally:
                recorder.finish(span)

        name_of = self._name
        Module.__call__ = __call__  # type: ignore[method-assign]  # put back below

    def leave(self) -> None:
        from weft.nn.module import Module

        if self._plain is not None:
            Module.__call__ = self._plain  # type: ignore[method-assign]  # what it was

    def _name(self, module: Any) -> str:
        known = self._paths.get(id(module))
        if known is None:
            self._learn(module, type(module).__name__)
            known = self._paths[id(module)]
        return f"{known[1]} ({type(module).__name__})" if "." in known[1] else known[1]

    def _learn(self, root: Any, name: str) -> None:
        for path, module in root.named_modules():
            self._paths.setdefault(id(module), (module, f"{name}.{path}" if path else name))
