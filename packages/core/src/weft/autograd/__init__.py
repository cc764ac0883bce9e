"""Gradients: ``backward``, ``grad``, and the switches of recording."""

from weft._core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from weft.autograd import forward_ad, function, functional, graph
from weft.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from weft.autograd.function import Function
from weft.autograd.gradcheck import gradcheck, gradgradcheck
from weft.transforms.tape import backward, grad

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "is_multithreading_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
