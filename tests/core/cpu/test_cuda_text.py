"""Formulas as CUDA C++: read by a small interpreter everywhere, and by a C++ compiler where one is.

No GPU is needed: the function of one element is C++ that any compiler takes once the words that
CUDA adds are defined away.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.core.cpu.test_elementwise_kernels import (
    CANCELLING,
    GENERATED,
    OPS,
    WHOLE,
    drawn,
    reference,
    with_edges,
)
from weft._backend import symbolic
from weft._backend.cuda import formulas
from weft._backend.numpy_ import BFLOAT16

#: Ops whose formulas call what CUDA's mathematics has not.
ABSENT = {
    "digamma", "floor_divide", "logaddexp2", "polygamma_of", "special.i0e", "special.i1e",
    "special.log_ndtr",
}  # fmt: skip
WRITTEN = sorted({*GENERATED} - ABSENT)
#: What CUDA has, and C++ has not.
BEYOND_CPP = {"erfinv", "i0", "special.erfcx", "special.i1", "special.ndtr"}
CASTS = {
    "float": np.float32,
    "double": np.float64,
    "bool": np.bool_,
    "int": np.int32,
    "long long": np.int64,
    "unsigned char": np.uint8,
}


def cpp_functions():
    from scipy import special

    named = {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
        "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power,
        "fabs": np.abs, "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv,
        "lgamma": special.gammaln, "normcdf": special.ndtr, "erfcx": special.erfcx,
        "cyl_bessel_i0": special.i0, "cyl_bessel_i1": special.i1,
    }  # fmt: skip
    for plain in (
        "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh sqrt floor ceil trunc rint "
        "copysign fmax fmin fmod hypot nextafter"
    ).split():
        named[plain] = getattr(np, plain)
    return named | {f"{name}f": function for name, function in named.items()}


LEVELS = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", "<=", ">", ">="),
          ("+", "-"), ("*", "/"))  # fmt: skip
DO = {
    "||": np.logical_or, "&&": np.logical_and, "|": np.bitwise_or, "^": np.bitwise_xor,
    "&": np.bitwise_and, "==": np.equal, "!=": np.not_equal, "<": np.less,
    "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "+": np.add,
    "-": lambda x, y: np.subtract(*(np.asarray(v, np.int8) if np.asarray(v).dtype == bool
                                    else v for v in (x, y))),
    "*": np.multiply, "/": np.divide,
}  # fmt: skip


class Reader:
    """Evaluates one expression of the language that formulas are written in."""

    def __init__(self, text, variables):
        self.tokens = re.findall(
            r"0x[0-9a-f.]+p[+-]\d+|\d+\.?\d*(?:e[+-]?\d+)?(?:ULL|LL|f)?"
            r"|[A-Za-z_]\w*|\|\||&&|[<>=!]=|[-+*/<>()!~&|^?:,]", text
        )  # fmt: skip
        self.at = 0
        self.variables = variables

    def peek(self, ahead=0):
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self, wanted=None):
        token = self.peek()
        assert wanted is None or token == wanted, (token, wanted, self.tokens)
        self.at += 1
        return token

    def whole(self):
        value = self.choice()
        assert self.at == len(self.tokens), self.tokens[self.at :]
        return value

    def choice(self):
        test = self.binary(0)
        if self.peek() != "?":
            return test
        self.take()
        yes = self.choice()
        self.take(":")
        no = self.choice()
        return np.where(test, yes, no)

    def binary(self, level):
        if level == len(LEVELS):
            return self.one()
        value = self.binary(level + 1)
        while self.peek() in LEVELS[level]:
            value = DO[self.take()](value, self.binary(level + 1))
        return value

    def one(self):
        token = self.take()
        if token == "-":
            return np.negative(self.one())
        if token == "!":
            return np.logical_not(self.one())
        if token == "~":
            return np.invert(self.one())
        if token == "(":
            words = []
            while re.match(r"[A-Za-z]", self.peek(len(words))):
                words.append(self.peek(len(words)))
            cast = CASTS.get(" ".join(words))
            if cast is not None and self.peek(len(words)) == ")":
                self.at += len(words) + 1
                return np.asarray(self.one()).astype(cast)
            value = self.choice()
            self.take(")")
            return value
        if token in ("true", "false"):
            return np.bool_(token == "true")
        if token[0].isdigit():
            if token.startswith("0x"):
                return np.float64(float.fromhex(token))
            if token.endswith("f"):
                return np.float32(token[:-1])
            if token.endswith("LL"):
                return int(token.rstrip("UL"))
            return np.float64(token) if "e" in token or "." in token else int(token)
        if self.peek() == "(":
            self.take()
            args = [self.choice()]
            while self.peek() == ",":
                self.take()
                args.append(self.choice())
            self.take(")")
            return cpp_functions()[token](*args)
        return self.variables[token]


def interpreted(text, args):
    """Run the function of one element on arrays, statement by statement."""
    head, *lines = text.splitlines()
    names = re.findall(r"(x\d+)[,)]", head)
    variables = dict(zip(names, args, strict=True))
    for line in lines:
        made = re.fullmatch(r"    const ([\w ]+) (v\d+) = (.*);", line)
        if made:
            value = np.asarray(Reader(made[3], variables).whole())
            variables[made[2]] = value.astype(CASTS[made[1]])
        elif line.startswith("    return"):
            return variables[line.split()[1].rstrip(";")]
    raise AssertionError("no return")


def prepared(name):
    op = OPS[name]
    dtype = np.dtype("int64" if name in WHOLE else "float32")
    args, settings = drawn(op, dtype, (503,))
    if name not in CANCELLING:
        args = with_edges(args)
    root, opened = symbolic.run(op.kernel, tuple(a.dtype for a in args), settings)
    return op, args, settings, root, [settings[name] for name in opened]


def agree(out, wanted, name):
    near = CANCELLING.get(name, 3e-6)
    np.testing.assert_allclose(out, wanted, rtol=near, atol=near)


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_cuda_has_not_is_said(name):
    with pytest.raises(symbolic.Unknown, match="which CUDA has not"):
        formulas.device_function("of_one", prepared(name)[3])


@pytest.mark.parametrize("name", WRITTEN)
def test_the_text_means_what_the_formula_does(name):
    op, args, settings, root, numbers = prepared(name)
    text = formulas.device_function("of_one", root)
    used = [(*args, *numbers)[n.args[0]] for n in formulas.inputs(root)]
    with np.errstate(all="ignore"):
        out = interpreted(text, used)
    agree(np.broadcast_to(out, (503,)), reference(op, args, settings), name)


COMPILER = next((c for c in ("g++", "clang++", "c++") if shutil.which(c)), None)


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here; the interpreter reads the text")
def test_a_compiler_takes_the_text_and_computes_the_same(tmp_path):
    cases = {}
    source = ["#include <cmath>", "#define __device__", "#define __forceinline__ inline"]
    for name in sorted({*WRITTEN} - BEYOND_CPP):
        op, args, settings, root, numbers = prepared(name)
        label = re.sub(r"\W", "_", f"of_{name}")
        source.append(formulas.device_function(label, root))
        inputs = formulas.inputs(root)
        parameters, given = [], []
        for node in inputs:
            kind = formulas.type_name(node.type)
            is_array = node.op == "array"
            parameters.append(f"const {kind}* p{node.args[0]}" if is_array else
                              f"double p{node.args[0]}")  # fmt: skip
            given.append(f"p{node.args[0]}[i]" if is_array else f"p{node.args[0]}")
        source.append(
            f'extern "C" void run_{label}(long long n, {formulas.type_name(root.type)}* out, '
            f"{', '.join(parameters)}) {{ for (long long i = 0; i < n; i++) "
            f"out[i] = {label}({', '.join(given)}); }}"
        )
        cases[name] = (label, op, args, settings, root, inputs, numbers)
    (tmp_path / "all.cpp").write_text("\n".join(source))
    subprocess.run(
        [COMPILER, "-std=c++17", "-O1", "-Wall", "-shared", "-fPIC", "all.cpp", "-o", "all.so"],
        cwd=tmp_path,
        check=True,
    )
    library = ctypes.CDLL(str(tmp_path / "all.so"))
    for name, (label, op, args, settings, root, inputs, numbers) in cases.items():
        out = np.empty(503, root.type)
        everything = [*(a.ctypes.data_as(ctypes.c_void_p) for a in args)]
        everything += [ctypes.c_double(v) for v in numbers]
        getattr(library, f"run_{label}")(
            ctypes.c_longlong(503),
            out.ctypes.data_as(ctypes.c_void_p),
            *(everything[n.args[0]] for n in inputs),
        )
        agree(out, reference(op, args, settings), name)


def test_the_kernel_reads_half_precision_and_writes_it():
    root, _ = symbolic.run(OPS["gelu"].kernel, (BFLOAT16,), {"approximate": "none"})
    text = formulas.kernel("gelu", root, (BFLOAT16,), BFLOAT16)
    assert "#include <cuda_bf16.h>" in text
    assert "static_cast<float>(x0[i])" in text
    assert "static_cast<__nv_bfloat16>" in text
    assert "gridDim.x" in text
    assert text.count("{") == text.count("}")
