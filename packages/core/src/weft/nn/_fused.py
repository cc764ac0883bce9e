"""A model for inference whose forward runs as a program of kernels, one for each shape."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import weft
from weft import Tensor
from weft._backend import ndarray
from weft._core.errors import CaptureError
from weft._core.modes import here
from weft._core.tree import flatten, outline
from weft.nn.module import Module

if TYPE_CHECKING:
    from weft.transforms.replay import Program

#: Programs kept of one model: beyond that all are dropped, which only costs making them anew.
_MOST = 32
_PLAIN = (bool, int, float, str, type(None))


class Fused(Module):
    """A copy of a model, for inference: made by ``weft.nn.utils.fusion.fuse_for_inference``.

    The model's forward runs once for each new shape of its inputs, on stand-ins that carry shapes
    and dtypes; what it calls is noted, joined, and run from then on by kernels alone. So whatever
    else the forward does (hooks of submodules, printing, counting) happens then and not at each
    call, and the weights are read as they are then. Results agree with the model's but for
    rounding.

    Plain arrays on the CPU are computed so. Where a gradient of an input is recorded, inside
    function transforms, on another device and while ops are watched (:mod:`weft.debug`), the copy
    runs as the model would.

    `state_dict` has the model's names behind "model."; loading another, converting and moving are
    seen. After writing to a parameter in place, call `refresh()`.

    Args:
        model: in evaluation mode.

    Attributes:
        model: the copy, which requires no gradients.

    Raises:
        RuntimeError: the model, or a part of it, is in training mode.
        weft.nn.utils.fusion.CaptureError: raised by a call where the forward reads numbers out of
            tensors, writes into its inputs, or draws at random, so that it cannot be fused.
    """

    def __init__(self, model: Module) -> None:
        super().__init__()
        training = [name or type(model).__name__ for name, m in model.named_modules() if m.training]
        if training:
            raise RuntimeError(
                f"fuse_for_inference: expected a model in evaluation mode, but {training[0]!r} is "
                f"in training mode; call .eval() first"
            )
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._programs: dict[Any, Program] = {}
        self.training = False

    def refresh(self) -> None:
        """Read the weights anew at the next call."""
        self._programs = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not self._is_plain(tensors):
            return self.model(*args, **kwargs)
        key = (
            *(
                (x._data.shape, x._data.dtype)
                if isinstance(x, Tensor)
                else (type(x), x)
                if isinstance(x, _PLAIN)
                else self._refuse(x)
                for x in leaves
            ),
            outline((args, kwargs)) if kwargs or len(leaves) != len(args) else "",
            weft.get_default_dtype(),
        )
        program = self._programs.get(key)
        if program is None:
            program = self._made(leaves, rebuild, tensors)
            if len(self._programs) >= _MOST:
                self._programs = {}
            self._programs[key] = program
        return program(tensors)

    def _refuse(self, x: Any) -> Any:
        raise TypeError(
            f"a fused {type(self.model).__name__}: expected tensors, numbers and strings as "
            f"arguments, got {type(x).__name__}"
        )

    def _is_plain(self, tensors: list[Tensor]) -> bool:
        if not tensors or here.watchers:
            return False
        if here.grad and any(x._node is not None for x in tensors):
            return False
        return all(type(x._data) is ndarray for x in tensors)

    def _made(self, leaves: list[Any], rebuild: Any, tensors: list[Tensor]) -> Program:
        from weft.transforms.capture import capture  # which loads ops that few programs need
        from weft.transforms.replay import Program

        def run(*given: Tensor) -> Any:
            rest = iter(given)
            args, kwargs = rebuild([next(rest) if isinstance(x, Tensor) else x for x in leaves])
            return self.model(*args, **kwargs)

        with weft.no_grad():
            try:
                return Program(capture(run, [x._data for x in tensors]))
            except CaptureError as error:
                raise CaptureError(
                    f"{type(self.model).__name__} cannot be fused: {error}; fuse parts of it"
                ) from None

    def train(self, mode: bool = True) -> Fused:
        """Stay in evaluation mode; a fused model cannot be trained.

        Raises:
            RuntimeError: training mode is asked for.
        """
        if mode:
            raise RuntimeError(
                f"a fused {type(self.model).__name__} is for inference alone; train the model that "
                f"it was made from and fuse it again"
            )
        return super().train(False)

    def _apply(self, fn: Any, recurse: bool = True) -> Fused:
        self.refresh()
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args: Any) -> None:
        self.refresh()
        super()._load_from_state_dict(*args)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_programs": {}}
