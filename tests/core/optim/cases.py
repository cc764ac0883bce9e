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
    "Adadelta": [
        {"lr": 0.1},
        {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
    ],
    "Adagrad": [
        {"lr": 0.1},
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
        {"lr": 0.1, "eps": 1e-3, "maximize": True},
    ],
    "Adamax": [
        {"lr": 0.1},
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
    ],
    "ASGD": [
        {"lr": 0.1},
        {"lr": 0.1, "t0": 3, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1, "maximize": True},
    ],
    "NAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.7, 0.8)},
    ],
    "RAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "eps": 1e-3},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.7, 0.8)},
    ],
    "RMSprop": [
        {"lr": 0.1},
        {"lr": 0.1, "alpha": 0.8, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "centered": True, "eps": 1e-3},
        {"lr": 0.1, "momentum": 0.9, "centered": True, "eps": 1e-3},
    ],
    "Rprop": [
        {"lr": 0.1},
        {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.2), "maximize": True},
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

#: Those that do not update each element by itself.
OTHERS: dict[str, list[dict[str, Any]]] = {
    "Adafactor": [
        {"lr": 0.1},
        {"lr": 0.02, "eps": (1e-4, 0.1), "d": 1.5, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "beta2_decay": -0.5, "d": 1.2},
    ],
    "Muon": [
        {"lr": 0.1},
        {"lr": 0.02, "momentum": 0.8, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"},
        {"lr": 0.1, "weight_decay": 0, "ns_steps": 3, "adjust_lr_fn": "original"},
    ],
    "LBFGS": [
        {"lr": 0.1, "max_iter": 5},
        {"lr": 0.5, "history_size": 3, "max_iter": 6},
        {"line_search_fn": "strong_wolfe", "max_iter": 8},
        {"line_search_fn": "strong_wolfe", "max_iter": 8, "max_eval": 5, "history_size": 2},
    ],
}
EACH_OTHER = [(name, settings) for name, several in OTHERS.items() for settings in several]
OTHER_IDS = [f"{name}-{i}" for name, several in OTHERS.items() for i in range(len(several))]
