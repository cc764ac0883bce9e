"""The same module of weft and of torch, with the same numbers in it, and comparisons of the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import weft

#: Relative and absolute; both compute in float64.
NEAR = 1e-10


def close(ours: Any, theirs: Any, what: str = "", within: float = NEAR) -> None:
    """Assert that two tensors, or trees of them, have near values."""
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs), what
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            close(a, b, f"{what} at {i}", within)
    elif theirs is None:
        assert ours is None, what
    else:
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        np.testing.assert_allclose(a, b, rtol=within, atol=within, err_msg=what)


def arrays(*shapes: tuple[int, ...], seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Return normal numbers of some shapes."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def tensors(library: Any, given: Any, leaf: bool = True) -> Any:
    """Return a tree of arrays as one of tensors, the floating ones leaves that want gradients."""
    if isinstance(given, np.ndarray):
        made = library.from_numpy(given.copy())
        return made.requires_grad_() if leaf and given.dtype.kind == "f" else made
    if type(given) in (tuple, list):
        return type(given)(tensors(library, one, leaf) for one in given)
    if isinstance(given, dict):
        return {name: tensors(library, one, leaf) for name, one in given.items()}
    return given


class Pair:
    """A module built by the same function of either library, ours with torch's numbers."""

    def __init__(self, build: Callable[[Any], Any], train: bool = True, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.theirs = build(torch).double().train(train)
        with torch.no_grad():
            for p in self.theirs.parameters():  # biases start as zeros, norms as ones
                p.add_(0.1 * torch.randn_like(p))
        self.ours = build(weft).double().train(train)
        self.load()

    def load(self) -> None:
        """Give our module what torch's has, and torch's what ours has."""
        state = self.theirs.state_dict()
        mine = self.ours.state_dict()
        assert list(mine) == list(state)
        for name, value in state.items():
            assert tuple(mine[name].shape) == tuple(value.shape), name
        self.ours.load_state_dict({k: weft.from_numpy(v.numpy()) for k, v in state.items()})
        back = {k: torch.from_numpy(v.numpy().copy()) for k, v in self.ours.state_dict().items()}
        self.theirs.load_state_dict(back)

    def agree(self, *inputs: Any, within: float = NEAR, **options: Any) -> Any:
        """Assert that results and all gradients agree, and so does the repr; return our result."""
        assert repr(self.ours) == repr(self.theirs)
        results, slopes = [], []
        for library, module in ((weft, self.ours), (torch, self.theirs)):
            given = tensors(library, list(inputs))
            more = tensors(library, options, leaf=False)
            out = module(*given, **more)
            results.append(out)
            parts = [part for part in flattened(out) if part is not None]
            wanted = [x for x in flattened(given) if _wants(x)] + [
                p for p in module.parameters() if p.requires_grad
            ]
            total = sum((part * part.detach().cos()).sum() for part in parts)
            if total.requires_grad:
                slopes.append(library.autograd.grad(total, wanted, allow_unused=True))
        close(*results, "result", within)
        for i, (mine, other) in enumerate(zip(*slopes, strict=True)) if slopes else ():
            if mine is None or other is None:  # each may know better that there is no path
                for one in (mine, other):
                    assert one is None or not one.count_nonzero().item(), i
            else:
                close(mine, other, f"gradient {i}", within)
        return results[0]


def _wants(x: Any) -> bool:
    return getattr(x, "requires_grad", False)


def flattened(tree: Any) -> list[Any]:
    """Return the leaves of tuples and lists."""
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in flattened(part)]
    return [tree]
