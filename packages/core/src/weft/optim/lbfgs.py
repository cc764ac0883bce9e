"""L-BFGS: Newton's method with an inverse Hessian made of the last steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import learning_rate
from weft.optim._elementwise import number
from weft.optim._line_search import strong_wolfe
from weft.optim.optimizer import Optimizer


class LBFGS(Optimizer):
    """L-BFGS: steps along `-H g`, where `H` is built of the last changes of place and gradient.

    One `step` runs up to `max_iter` iterations and calls the closure each time. There is one group,
    all parameters on one device; the state lies with the first parameter.

    Args:
        params: parameters, see :class:`weft.optim.Optimizer`.
        lr: the length of steps, in units of `H g`; may be a tensor of one element.
        max_iter: iterations in one `step`.
        max_eval: calls of the closure in one `step`; `max_iter * 5 // 4` for None.
        tolerance_grad: stop where no element of the gradient is larger.
        tolerance_change: stop where neither place nor loss changes by more.
        history_size: how many changes are kept.
        line_search_fn: `"strong_wolfe"` searches a length for each step, None takes `lr`.

    Raises:
        ValueError: a setting is out of its range, or there is more than one group.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4, 3.5 and 3.6;
    PyTorch's `torch.optim.LBFGS`.

    Example:
        >>> p = weft.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = weft.optim.LBFGS([p], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((p - 1) ** 4).sum() + (p * p).sum()
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
        >>> p.detach()
        tensor([0.4102, 0.4102])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(
                f'{who}: line_search_fn must be "strong_wolfe" or None, got {line_search_fn!r}'
            )
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(f"{who}: there can be one group only, got {len(self.param_groups)}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run up to `max_iter` iterations.

        Args:
            closure: clears the gradients, computes the loss, calls `backward` on it, returns it.

        Returns:
            What the first call of the closure returned.

        Raises:
            TypeError: there is no closure.
        """
        if closure is None:
            raise TypeError("LBFGS.step: needs a closure that computes the loss and its gradient")
        with weft.no_grad():
            return self._run(weft.enable_grad()(closure))

    def _run(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss = float(first_loss)
        g = self._gradient()
        state["func_evals"] += 1
        if _largest(g) <= group["tolerance_grad"]:
            return first_loss
        calls = 1
        memory = {k: state.get(k) for k in ("d", "t", "old_dirs", "old_stps", "ro", "H_diag")}
        before: Tensor | None = state.get("prev_flat_grad")
        loss_before = state.get("prev_loss")
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                memory |= {"d": -g, "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
            else:
                assert before is not None
                self._remember(memory, g - before)
                memory["d"] = self._direction(memory, g, state)
            before = g.clone() if before is None else before.copy_(g)
            loss_before = loss
            d = memory["d"]
            lr = number(group["lr"])
            first = state["n_iter"] == 1
            t = min(1.0, 1.0 / g.abs().sum().item()) * lr if first else lr
            slope = g.dot(d)
            if slope.item() > -group["tolerance_change"]:
                memory["t"] = t
                break
            new_calls = 0
            if group["line_search_fn"] is not None:
                loss, g, t, new_calls = self._searched(closure, t, d, loss, g, slope, calls)
                self._move(t, d)
            else:
                self._move(t, d)
                if iteration != group["max_iter"]:  # the last one's is the next step's first
                    loss = float(closure())
                    g = self._gradient()
                    new_calls = 1
            memory["t"] = t
            calls += new_calls
            state["func_evals"] += new_calls
            if (
                iteration == group["max_iter"]
                or calls >= group["max_eval"]
                or _largest(g) <= group["tolerance_grad"]
                or _largest(d * t) <= group["tolerance_change"]
                or abs(loss - loss_before) < group["tolerance_change"]
            ):
                break
        state.update(memory, prev_flat_grad=before, prev_loss=loss_before)
        return first_loss

    # --- the inverse Hessian

    def _remember(self, memory: dict[str, Any], y: Tensor) -> None:
        """Keep the last changes of place and gradient, where the loss is convex along them."""
        s = memory["d"] * memory["t"]
        ys = y.dot(s)
        if ys.item() <= 1e-10:
            return
        if len(memory["old_dirs"]) == self.param_groups[0]["history_size"]:
            for name in ("old_dirs", "old_stps", "ro"):
                memory[name].pop(0)
        memory["old_dirs"].append(y)
        memory["old_stps"].append(s)
        memory["ro"].append(1.0 / ys)
        memory["H_diag"] = ys / y.dot(y)

    def _direction(self, memory: dict[str, Any], g: Tensor, state: dict[str, Any]) -> Tensor:
        """Return `-H g` by two loops over what is kept."""
        kept = list(zip(memory["old_dirs"], memory["old_stps"], memory["ro"], strict=True))
        parts = state.setdefault("al", [None] * self.param_groups[0]["history_size"])
        q = -g
        for i in range(len(kept) - 1, -1, -1):
            y, s, ro = kept[i]
            parts[i] = s.dot(q) * ro
            q.add_(y, alpha=-parts[i].item())
        r = q * memory["H_diag"]
        for i, (y, s, ro) in enumerate(kept):
            r.add_(s, alpha=(parts[i] - y.dot(r) * ro).item())
        return r

    # --- parameters as one vector

    def _gradient(self) -> Tensor:
        parts = []
        for p in self.param_groups[0]["params"]:
            g = weft.zeros_like(p) if p.grad is None else p.grad
            parts.append((weft.view_as_real(g) if g.is_complex() else g).reshape(-1))
        return weft.cat(parts)

    def _move(self, t: float, direction: Tensor) -> None:
        begin = 0
        for p in self.param_groups[0]["params"]:
            x = weft.view_as_real(p) if p.is_complex() else p
            n = x.numel()
            x.add_(direction[begin : begin + n].reshape(x.shape), alpha=t)
            begin += n

    def _searched(
        self,
        closure: Callable[[], Any],
        t: float,
        d: Tensor,
        loss: float,
        g: Tensor,
        slope: Tensor,
        calls: int,
    ) -> tuple[float, Tensor, float, int]:
        """Return loss, gradient and length of the step that the line search chose."""
        params = self.param_groups[0]["params"]
        start = [p.clone() for p in params]

        def at(length: float) -> tuple[float, Tensor]:
            self._move(length, d)
            value = float(closure())
            gradient = self._gradient()
            for p, x in zip(params, start, strict=True):
                p.copy_(x)
            return value, gradient

        most = self.param_groups[0]["max_eval"] - calls
        return strong_wolfe(at, t, d, loss, g, slope.item(), most)


def _largest(x: Tensor) -> float:
    return float(x.abs().max().item())
