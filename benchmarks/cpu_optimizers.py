"""Steps of optimizers over all parameters of a network, and the clipping of their gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case
from benchmarks.rivals.inputs import normal

#: Shapes of parameters: those of two networks' kinds, and many small ones.
PARAMETERS: dict[str, tuple[tuple[int, ...], ...]] = {
    "a GPT-2-small block, 12 tensors": (
        (768,), (768,), (2304, 768), (2304,), (768, 768), (768,),
        (768,), (768,), (3072, 768), (3072,), (768, 3072), (768,),
    ),
    "200 tensors of 1000 elements": ((1000,),) * 200,
    "an MLP of width 64, 6 tensors": ((64, 64), (64,), (64, 64), (64,), (10, 64), (10,)),
}  # fmt: skip
#: Optimizers, their settings, and the forms in which PyTorch has them: one tensor after the other,
#: many at once, and one kernel for all.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "SGD": ("SGD", {"lr": 0.01}, ("", "foreach", "fused")),
    "SGD with momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}, ("", "foreach", "fused")),
    "Adam": ("Adam", {"lr": 1e-3}, ("", "foreach", "fused")),
    "AdamW": ("AdamW", {"lr": 1e-3}, ("", "foreach", "fused")),
}
#: More of them, measured over the parameters of the first kind of network alone.
OTHERS = {
    name: (name, {"lr": 1e-3}, ("", "foreach"))
    for name in "Adagrad Adadelta Adamax NAdam RAdam RMSprop ASGD Rprop".split()
}


def _made(lib: Any, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    """Return parameters with gradients."""
    parameters = []
    for number, shape in enumerate(shapes):
        parameter = normal(lib, *shape, seed=number).requires_grad_()
        parameter.grad = normal(lib, *shape, seed=number + 1000, scale=0.01)
        parameters.append(parameter)
    return parameters


def _step(
    lib: Any, *, name: str, settings: dict[str, Any], shapes: tuple[tuple[int, ...], ...], form: str
) -> Callable[[], Any]:
    parameters = _made(lib, shapes)
    # weft has one form, which takes all tensors at once.
    chosen = {form: True} if form and lib.__name__ == "torch" else {}
    optimizer = getattr(lib.optim, name)(parameters, **settings, **chosen)

    def call() -> Any:
        optimizer.step()
        return parameters[0], parameters[-1]

    return call


def _clip(lib: Any, *, shapes: tuple[tuple[int, ...], ...]) -> Callable[[], Any]:
    parameters = _made(lib, shapes)
    clip = lib.nn.utils.clip_grad_norm_
    return lambda: clip(parameters, 1.0)


def cases() -> Iterator[Case]:
    """Yield each optimizer beside each of PyTorch's forms of it, and clipping."""
    part = functools.partial
    for number, (what, shapes) in enumerate(PARAMETERS.items()):
        rules = OPTIMIZERS if number else {**OPTIMIZERS, **OTHERS}
        for title, (name, settings, forms) in rules.items():
            for form in forms:
                make = part(_step, name=name, settings=settings, shapes=shapes, form=form)
                beside = f", PyTorch's {form} form" if form else ""
                # The third step has all that the first two left in the optimizer's state.
                yield Case(f"{title}, {what}{beside}", {"weft": make, "torch": make}, calls=3)
        clip = part(_clip, shapes=shapes)
        yield Case(f"clip_grad_norm_, {what}", {"weft": clip, "torch": clip})


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
