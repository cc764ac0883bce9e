"""Running a module so that its calls are recorded: the functions that users call are entered."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import weft
from weft import Tensor
from weft._core.boxed import new_level
from weft._core.generator import Generator
from weft._core.joints import CodeJoint, Joint, joints_of
from weft.graph._trace.recording import Recorder, asker, here, touches
from weft.graph._trace.translations import bound, translations
from weft.nn import Module
from weft.nn.global_hooks import register_module_forward_hook, register_module_forward_pre_hook

__all__ = ["Run", "run"]


class Run:
    """What a run left.

    Attributes:
        recorder: what was noted.
        inputs: the number of each input, in order.
        weights: the number of each parameter and buffer, by name; tied ones once.
        result: what the module returned.
    """

    def __init__(
        self, recorder: Recorder, inputs: list[int], weights: dict[str, int], result: Any
    ) -> None:
        self.recorder, self.inputs, self.weights, self.result = recorder, inputs, weights, result


def run(
    module: Module,
    inputs: Mapping[str, Tensor],
    call: Callable[[Sequence[Tensor]], tuple[tuple[Any, ...], dict[str, Any]]],
) -> Run:
    """Run a module in evaluation mode, and note its calls.

    Args:
        module: the module; its mode and its state are afterwards as before.
        inputs: the tensors that it gets, by name.
        call: makes its arguments of tensors that stand for the inputs.

    Raises:
        GraphError: it does what no graph says; the message has the module and the line.
    """
    with weft.no_grad(), new_level("weft.graph.trace") as level, _evaluating(module):
        recorder = Recorder(level, _attributes(module))
        given = [recorder.new(x.detach(), f"the input {name!r}") for name, x in inputs.items()]
        recorder.inputs = given
        weights = {
            name: recorder.new(x.detach(), f"the weight {name!r}")
            for name, x in _state(module).items()
        }
        numbers = {name: x._data.number for name, x in weights.items()}
        args, kwargs = call(given)
        with _entered(recorder), _named_modules(recorder, module):
            result = weft.func.functional_call(module, weights, args, kwargs)
    return Run(recorder, [x._data.number for x in given], numbers, result)


def _state(module: Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name, each once, under the first of its names."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _attributes(module: Module) -> dict[int, str]:
    """Return the names of the tensors that modules hold as plain attributes, by `id`."""
    return {
        id(value): f"{path}.{name}" if path else name
        for path, one in module.named_modules()
        for name, value in vars(one).items()
        if isinstance(value, Tensor)
    }


@contextlib.contextmanager
def _evaluating(module: Module) -> Iterator[None]:
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for one, training in modes:
            one.training = training


@contextlib.contextmanager
def _named_modules(recorder: Recorder, module: Module) -> Iterator[None]:
    """Let the recorder know which module runs."""
    names = {id(one): name for name, one in module.named_modules()}

    def before(one: Module, args: Any) -> None:
        if here.recorder is recorder:
            recorder.modules.append(names.get(id(one), type(one).__name__))

    def after(one: Module, args: Any, output: Any) -> None:
        if here.recorder is recorder:
            recorder.modules.pop()

    hooks = [register_module_forward_pre_hook(before), register_module_forward_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def _entered(recorder: Recorder) -> Iterator[None]:
    """Go around the functions that have a rule, and refuse draws, in this thread."""
    before = here.recorder
    entered: list[tuple[Joint, Callable[..., Any]]] = []
    for joint, around in _joints():
        joint.enter(around)
        entered.append((joint, around))
    here.recorder = recorder
    try:
        yield
    finally:
        here.recorder = before
        while entered:
            joint, around = entered.pop()
            joint.leave(around)


@functools.cache
def _joints() -> list[tuple[Joint, Callable[..., Any]]]:
    found: list[tuple[Joint, Callable[..., Any]]] = []
    for function, (signature, rule) in translations().items():
        around = functools.partial(_translated, signature, rule)
        found += [(joint, around) for joint in joints_of(function)]
    for draw in (Generator.key, Generator.words):
        found.append((CodeJoint(draw), _refused))
    return found


def _translated(signature: Any, rule: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
    recorder = here.recorder
    if recorder is None or not touches((*args, *kwargs.values())):
        return run(*args, **kwargs)
    given = bound(signature, args, kwargs)
    out = None if given is None else rule(recorder, given)
    return run(*args, **kwargs) if out is None else out


def _refused(run: Any, *args: Any, **kwargs: Any) -> Any:
    recorder = here.recorder
    if recorder is not None:
        raise recorder.refusal(
            f"{asker() or 'this'} draws random numbers, which a graph cannot; the module is in "
            "evaluation mode, so draw outside and pass what was drawn as an input"
        )
    return run(*args, **kwargs)
