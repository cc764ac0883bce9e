"""Fixtures of the comparisons with PyTorch."""

import pytest
import torch

import weft


@pytest.fixture
def wide_counters():
    """Count in float64: torch brings counters to the parameter's dtype when it loads them."""
    weft.set_default_dtype(weft.float64)
    torch.set_default_dtype(torch.float64)
    yield
    weft.set_default_dtype(weft.float32)
    torch.set_default_dtype(torch.float32)
