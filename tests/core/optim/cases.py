"""Settings under which every test of optimizers runs, by optimizer."""

from __future__ import annotations

from typing import Any

CASES: dict[str, list[dict[str, Any]]] = {
    "Adam": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [
        {"lr": 0.1},
        {"lr": 0.1, "amsgrad": True, "maximize": True},
        {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0},
    ],
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True},
    ],
}
EACH = [(name, settings) for name, several in CASES.items() for settings in several]
IDS = [f"{name}-{i}" for name, several in CASES.items() for i in range(len(several))]
#: How each is told to update by formula, one parameter after the other.
BY_FORMULA = {"foreach": False}
