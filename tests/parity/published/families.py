"""The smallest model of timm's families, on PyTorch and on weft: results and gradients.

`python -m tests.parity.published.families [FAMILY ...]` runs in a process of its own, as the module
around it says, and prints a line of JSON for each family: the model, and how far apart the two are,
as a part of the greatest value. Without names it runs all whose models are small enough (an hour's
quarter on two cores). Random weights put some activations where rectifiers bend, so gradients are
compared in float64.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np
import torch

import weft
from tests.parity.published import __main__ as declared  # torchvision's operators, by their names
from weft.compat.torch import alias

assert declared.OPERATORS
MOST_PARAMETERS = 40_000_000
#: Parts of names of small models, the smallest first.
SMALL = (
    "test_", "_atto", "_femto", "_pico", "_nano", "_xxs", "_xs", "_tiny", "_s0", "_b0", "_small",
    "_s", "18", "10", "26", "12",
)  # fmt: skip


def by_size(name: str) -> tuple[int, int]:
    """Return how small a model is, as its name says."""
    return next((i for i, part in enumerate(SMALL) if part in name), len(SMALL)), len(name)


def run(library: Any, model: Any, pictures: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a model's result, and the gradients of a weighted sum of it."""
    out = model(library.tensor(pictures))
    out = out[0] if isinstance(out, tuple | list) else out
    weights = np.cos(np.arange(out.numel(), dtype=pictures.dtype)).reshape(tuple(out.shape))
    (out * library.tensor(weights)).sum().backward()
    gradients = {n: p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None}
    return out.detach().numpy(), gradients


def compared(name: str, theirs: Any, ours: Any, size: tuple[int, ...]) -> dict[str, Any]:
    """Return how far apart a model's results and gradients are; only its size if it is large."""
    torch.manual_seed(0)
    model = theirs.create_model(name, num_classes=10).eval().double()
    if sum(p.numel() for p in model.parameters()) > MOST_PARAMETERS:
        return {"model": name, "large": True}
    # Two pictures: of one, PyTorch 2.13's batch norm takes a gradient that lies channels last for
    # one that does not, and gives a wrong one.
    pictures = np.random.default_rng(0).standard_normal((2, *size))
    expected, gradients = run(torch, model, pictures)
    with alias():
        same = ours.create_model(name, num_classes=10).eval().double()
        state = {key: weft.tensor(one.numpy()) for key, one in model.state_dict().items()}
        same.load_state_dict(state)
        got, got_gradients = run(weft, same, pictures)
    assert gradients.keys() == got_gradients.keys(), name
    scale = max(float(np.abs(one).max()) for one in gradients.values())
    apart = max(float(np.abs(one - got_gradients[key]).max()) for key, one in gradients.items())
    # the last layer of some begins at zero
    difference = float(np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-6))
    return {"model": name, "result": difference, "gradients": apart / scale}


def main(wanted: list[str]) -> None:
    """Compare the smallest of each family that is small enough."""
    import timm as theirs

    with alias():
        import timm as ours
    families: dict[str, list[str]] = {}
    for name in theirs.list_models():
        families.setdefault(theirs.models._registry._model_to_module[name], []).append(name)
    for family in wanted or sorted(families):
        for name in sorted(families[family], key=by_size)[:2]:
            settings = theirs.get_pretrained_cfg(name)
            found = compared(name, theirs, ours, settings.input_size if settings else (3, 224, 224))
            print(json.dumps({"family": family, **found}), flush=True)
            if "large" not in found:
                break


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
