"""The operators that are read, as the guide lists them, and what is said of those that are not."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import weft
from tests.core.onnx.models import loaded, model_of, one_node
from weft.onnx._operators import FAMILIES

X = {"x": np.ones((2, 3), np.float32)}


def test_the_guide_lists_every_operator(repository: Path) -> None:
    page = (repository / "docs" / "guide" / "onnx.md").read_text(encoding="utf-8")
    table = page.split("| family | operators |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(weft.onnx.operators())
    assert len(re.findall(r"^\| \w", table, re.MULTILINE)) == len(FAMILIES)


def test_the_fragment_counts_them(repository: Path) -> None:
    assert len(weft.onnx.operators()) >= 160


def test_all_unknown_operators_are_listed_with_their_counts() -> None:
    nodes = [
        helper.make_node("Bernoulli", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Bernoulli", ["b"], ["c"]),
        helper.make_node("Magic", ["c"], ["y"], domain="local"),
    ]
    with pytest.raises(weft.onnx.UnsupportedOperatorsError) as caught:
        loaded(model_of(nodes, X, ["y"]))
    assert caught.value.counts == {"Bernoulli": 2, "local.Magic": 1}
    assert "2 operators are not among those" in str(caught.value)
    assert "Bernoulli (2), local.Magic (1); weft.onnx.operators()" in str(caught.value)


def test_very_long_and_very_many_names_do_not_fill_the_message() -> None:
    nodes = [helper.make_node("Magic", ["x"], ["a"], domain="d" * 5000)]
    nodes += [helper.make_node(f"Magic{k}", ["x"], [f"y{k}"]) for k in range(200)]
    with pytest.raises(weft.onnx.UnsupportedOperatorsError) as caught:
        loaded(model_of(nodes, X, ["a"]))
    assert len(caught.value.counts) == 201
    assert len(str(caught.value)) < 1000
    assert "and 181 more, which .counts has" in str(caught.value)


def test_unknown_operators_in_branches_are_listed_too() -> None:
    def branch(op: str) -> object:
        return helper.make_graph(
            [helper.make_node(op, ["x"], ["z"])],
            "b",
            [],
            [helper.make_tensor_value_info("z", 1, None)],
        )

    node = helper.make_node(
        "If", ["c"], ["y"], then_branch=branch("Magic"), else_branch=branch("Relu")
    )
    model = model_of([node], {**X, "c": np.array(True)}, ["y"])
    with pytest.raises(weft.onnx.UnsupportedOperatorsError, match=r"1 operator is .*Magic \(1\)"):
        loaded(model)


def test_without_the_package_one_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import io, weft\n"
        "weft.onnx.operators()\n"
        "try:\n    weft.onnx.load(io.BytesIO(b'x'))\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "run `python -m pip install 'weft[onnx]'`" in done.stdout


def test_weft_does_not_load_the_package_until_a_file_is_read() -> None:
    code = "import sys, weft, weft.onnx, weft.graph; print('onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_operators_that_onnx_defines_by_others_are_read() -> None:
    size = np.array(5)
    model = one_node("HannWindow", {"n": size}, opset=17)
    assert loaded(model)(weft.tensor(5)).shape == (5,)


def test_a_file_of_another_kind_is_told() -> None:
    for data in (b"PK\x03\x04" + bytes(40), b"\x08\x07", b"x" * 99):
        with pytest.raises(weft.onnx.OnnxError):
            weft.onnx.load(io.BytesIO(data))
