"""LazyModuleMixin: modules that learn the sizes of their parameters from the first input."""

from __future__ import annotations

from typing import Any

from weft.nn.module import Module
from weft.nn.uninitialized import is_lazy


class LazyModuleMixin(Module):
    """What makes a module lazy: at its first call it gives its parameters their shapes.

    A subclass, `class LazyX(LazyModuleMixin, X)`, makes `UninitializedParameter`s in its
    constructor and writes `initialize_parameters(*args, **kwargs)`, which gets the arguments of the
    first call and materializes them. After it the module is an `X`, if `cls_to_become` says so.

    Until then the parameters have no shape: the dtype and the device may change, `state_dict` holds
    them as they are, and loading a `state_dict` with values gives them their shapes too. Make the
    optimizer after the first call.

    Source: PyTorch's `torch.nn.modules.lazy.LazyModuleMixin`.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes and first values; every subclass writes its own."""
        raise NotImplementedError(
            f"{type(self).__name__} defines no initialize_parameters(); write one that "
            "materializes its parameters from the arguments of forward()"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module's own has no shape yet."""
        return any(map(is_lazy, [*self._parameters.values(), *self._buffers.values()]))

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """The pre-hook: initialise, remove the hook, change the class."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(
                f"{type(module).__name__}: initialize_parameters() left a parameter or buffer "
                "without a shape; it must materialize all of them"
            )
        module._initialize_hook.remove()
        del module._initialize_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become
        module._forget_empty_hooks()
