"""Modules as functions of their state: call one with other parameters, stack several's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weft._core.errors import did_you_mean
from weft._core.tensor import Tensor


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    The module keeps its own afterwards, also when the call fails. What the call writes into a
    buffer goes into the tensor given for it; a buffer that was not given is the module's own. Not
    for threads that call one module at a time.

    Args:
        module: the module.
        parameter_and_buffer_dicts: tensors by name, as ``named_parameters()`` and
            ``named_buffers()`` name them; or several such dicts without a name in common.
        args: the argument, or a tuple of several.
        kwargs: keyword arguments.
        tie_weights: whether a tensor given for one name also stands in for the other names of the
            same parameter.
        strict: whether every parameter and buffer must be given, and nothing else.

    Returns:
        what the module returns.

    Raises:
        ValueError: a name is given twice; or two names of one parameter get different tensors.
        RuntimeError: ``strict``, and a name is missing or unknown.
        TypeError: what is given is no tensor, or no dict.

    Example:
        >>> layer = weft.nn.Linear(2, 1)
        >>> zeros = {name: weft.zeros_like(p) for name, p in layer.named_parameters()}
        >>> weft.func.functional_call(layer, zeros, weft.ones(2)).tolist()
        [0.0]
    """
    given = _merged(parameter_and_buffer_dicts)
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    if strict:
        _check_names(module, own, given)
    if tie_weights:
        given = _tied(own, given)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    places = [_place(module, name) for name in given if name in own]
    before = [table[last] for table, last in places]
    try:
        for (table, last), name in zip(places, (n for n in given if n in own), strict=True):
            table[last] = given[name]
        return module(*arguments, **(kwargs or {}))
    finally:
        for (table, last), tensor in zip(places, before, strict=True):
            table[last] = tensor


def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Stack the parameters and the buffers of modules that are alike, for ``vmap`` over them.

    Args:
        models: modules of one class and in one mode, training or evaluation.

    Returns:
        tuple: parameters (models, ...) by name, and buffers likewise. Parameters are leaves that
        require grad where the modules' do.

    Raises:
        RuntimeError: there are none, they differ in class or mode, or a parameter requires grad in
            some of them only.

    Example:
        >>> models = [weft.nn.Linear(2, 3) for _ in range(4)]
        >>> parameters, buffers = weft.func.stack_module_state(models)
        >>> parameters["weight"].shape
        weft.Size([4, 3, 2])
    """
    modules = list(models)
    if not modules:
        raise RuntimeError("stack_module_state: expected at least one module, got none")
    kinds = {type(m).__name__ for m in modules}
    if len({type(m) for m in modules}) > 1:
        raise RuntimeError(
            f"stack_module_state: expected modules of one class, got {', '.join(sorted(kinds))}"
        )
    if len({m.training for m in modules}) > 1:
        raise RuntimeError(
            "stack_module_state: some modules are in training mode and some in evaluation mode; "
            "call .train() or .eval() on all"
        )
    return (
        _stacked([dict(m.named_parameters()) for m in modules]),
        _stacked([dict(m.named_buffers()) for m in modules]),
    )


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Have every BatchNorm in a module use the batch's statistics and keep none; return it.

    Running statistics are written in place by a call, which ``vmap`` over a shared module cannot.

    Args:
        root: the module, which is changed.
    """
    for module in root.modules():
        if _is_batch_norm(module) and module.track_running_stats:
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def _is_batch_norm(module: Any) -> bool:
    # by name: modules stand above this layer
    return any(base.__name__ in _BATCH_NORMS for base in type(module).__mro__)


_BATCH_NORMS = frozenset({"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"})


def _merged(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, Mapping):
        merged = dict(dicts)
    elif isinstance(dicts, Sequence) and all(isinstance(one, Mapping) for one in dicts):
        merged = {}
        for one in dicts:
            twice = sorted(merged.keys() & one.keys())
            if twice:
                raise ValueError(
                    f"functional_call: {', '.join(twice)} is given in more than one dict; give "
                    f"each name once"
                )
            merged.update(one)
    else:
        raise TypeError(
            f"functional_call: expected a dict of tensors by name, or several, got "
            f"{type(dicts).__name__}"
        )
    for name, tensor in merged.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"functional_call: {name} must be a weft.Tensor, got {type(tensor).__name__}"
            )
    return merged


def _check_names(module: Any, own: dict[str, Any], given: dict[str, Any]) -> None:
    missing = [name for name in own if name not in given]
    unknown = [name for name in given if name not in own]
    if missing or unknown:
        hints = [f"{name}{did_you_mean(name, own)}" for name in unknown]
        raise RuntimeError(
            f"functional_call: {type(module).__name__} with strict=True: "
            f"missing {', '.join(missing) or 'nothing'}; unknown {', '.join(hints) or 'nothing'}"
        )


def _tied(own: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what is given, with each tensor for all names of the parameter that it stands for."""
    names: dict[int, list[str]] = {}
    for name, tensor in own.items():
        names.setdefault(id(tensor), []).append(name)
    out = dict(given)
    for alike in names.values():
        tensors = {id(given[name]): name for name in alike if name in given}
        if len(tensors) > 1:
            raise ValueError(
                f"functional_call: {', '.join(sorted(tensors.values()))} are names of one tensor "
                f"of the module, and different ones are given; pass tie_weights=False to let them "
                f"differ"
            )
        for source in tensors.values():
            out.update({name: given[source] for name in alike})
    return out


def _place(module: Any, name: str) -> tuple[Any, str]:
    """Return the table that holds a parameter or buffer, and its name there."""
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path)
    table = owner._parameters if last in owner._parameters else owner._buffers
    return table, last


def _stacked(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    from weft.ops.joining import stack

    out = {}
    for name in states[0]:
        column = [state[name] for state in states]
        wanted = {x.requires_grad for x in column}
        if len(wanted) > 1:
            raise RuntimeError(
                f"stack_module_state: {name} requires grad in some of the modules only; let it in "
                f"all or in none"
            )
        out[name] = stack([x.detach() for x in column], 0).requires_grad_(wanted.pop())
    return out
