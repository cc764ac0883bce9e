"""The special cases of the Array API standard 2025.12, as tables.

Each line reads ``conditions -> result``, one condition for each argument (of a complex argument:
one for its real and one for its imaginary part), and a result (of a complex result: two). What the
words mean is in ``test_special_cases``. ``a|b`` is a result that may be either.

Source: the special cases in the standard's pages on element-wise and statistical functions.
"""

#: Element-wise functions of one real-valued floating argument.
REAL_UNARY = {
    "abs": "nan -> nan; -0 -> +0; -inf -> +inf; +inf -> +inf",
    "acos": "nan -> nan; >1 -> nan; <-1 -> nan; 1 -> +0",
    "acosh": "nan -> nan; <1 -> nan; 1 -> +0; +inf -> +inf",
    "asin": "nan -> nan; >1 -> nan; <-1 -> nan; +0 -> +0; -0 -> -0",
    "asinh": "nan -> nan; +0 -> +0; -0 -> -0; +inf -> +inf; -inf -> -inf",
    "atan": "nan -> nan; +0 -> +0; -0 -> -0; +inf -> pi/2; -inf -> -pi/2",
    "atanh": "nan -> nan; <-1 -> nan; >1 -> nan; -1 -> -inf; 1 -> +inf; +0 -> +0; -0 -> -0",
    "ceil": "integral -> same; +inf -> +inf; -inf -> -inf; +0 -> +0; -0 -> -0; nan -> nan",
    "cos": "nan -> nan; +0 -> 1; -0 -> 1; +inf -> nan; -inf -> nan",
    "cosh": "nan -> nan; +0 -> 1; -0 -> 1; +inf -> +inf; -inf -> +inf",
    "exp": "nan -> nan; +0 -> 1; -0 -> 1; +inf -> +inf; -inf -> +0",
    "expm1": "nan -> nan; +0 -> +0; -0 -> -0; +inf -> +inf; -inf -> -1",
    "floor": "integral -> same; +inf -> +inf; -inf -> -inf; +0 -> +0; -0 -> -0; nan -> nan",
    "isfinite": "inf -> False; nan -> False; finite -> True",
    "isinf": "inf -> True; finite -> False; nan -> False",
    "isnan": "nan -> True; finite -> False; inf -> False",
    "log": "nan -> nan; <0 -> nan; 0 -> -inf; 1 -> +0; +inf -> +inf",
    "log1p": "nan -> nan; <-1 -> nan; -1 -> -inf; -0 -> -0; +0 -> +0; +inf -> +inf",
    "log2": "nan -> nan; <0 -> nan; 0 -> -inf; 1 -> +0; +inf -> +inf",
    "log10": "nan -> nan; <0 -> nan; 0 -> -inf; 1 -> +0; +inf -> +inf",
    "reciprocal": "nan -> nan; +0 -> +inf; -0 -> -inf; +inf -> +0; -inf -> -0",
    "round": """integral -> same; +inf -> +inf; -inf -> -inf; +0 -> +0; -0 -> -0; nan -> nan;
                0.5 -> +0; -0.5 -> -0; 1.5 -> 2; 2.5 -> 2; -2.5 -> -2""",
    "sign": "<0 -> -1; 0 -> 0; >0 -> 1; nan -> nan",
    "signbit": """+0 -> False; -0 -> True; +inf -> False; -inf -> True; +finite -> False;
                  -finite -> True; +nan -> False; -nan -> True""",
    "sin": "nan -> nan; +0 -> +0; -0 -> -0; inf -> nan",
    "sinh": "nan -> nan; +0 -> +0; -0 -> -0; +inf -> +inf; -inf -> -inf",
    "sqrt": "nan -> nan; <0 -> nan; +0 -> +0; -0 -> -0; +inf -> +inf",
    "square": "nan -> nan; +0 -> +0; -0 -> +0; inf -> +inf",
    "tan": "nan -> nan; +0 -> +0; -0 -> -0; inf -> nan",
    "tanh": "nan -> nan; +0 -> +0; -0 -> -0; +inf -> 1; -inf -> -1",
    "trunc": "integral -> same; +inf -> +inf; -inf -> -inf; +0 -> +0; -0 -> -0; nan -> nan",
}

_DIVISION = """
    nan, any -> nan; any, nan -> nan; inf, inf -> nan; 0, 0 -> nan
    +0, >0 -> +0; -0, >0 -> -0; +0, <0 -> -0; -0, <0 -> +0
    >0, +0 -> +inf; >0, -0 -> -inf; <0, +0 -> -inf; <0, -0 -> +inf
"""

#: Element-wise functions of two real-valued floating arguments.
REAL_BINARY = {
    "add": """
        nan, any -> nan; any, nan -> nan; +inf, -inf -> nan; -inf, +inf -> nan
        +inf, +inf -> +inf; -inf, -inf -> -inf; +inf, finite -> +inf; -inf, finite -> -inf
        finite, +inf -> +inf; finite, -inf -> -inf
        -0, -0 -> -0; -0, +0 -> +0; +0, -0 -> +0; +0, +0 -> +0
        0, nonzero -> second; nonzero, 0 -> first; 1, -1 -> +0; -2.5, 2.5 -> +0
    """,
    "subtract": """
        nan, any -> nan; any, nan -> nan; +inf, +inf -> nan; -inf, -inf -> nan
        +inf, -inf -> +inf; -inf, +inf -> -inf; +inf, finite -> +inf; -inf, finite -> -inf
        finite, -inf -> +inf; finite, +inf -> -inf
        -0, +0 -> -0; -0, -0 -> +0; +0, +0 -> +0; +0, -0 -> +0; nonzero, 0 -> first; 1, 1 -> +0
    """,
    "atan2": """
        nan, any -> nan; any, nan -> nan; >0, +0 -> pi/2; >0, -0 -> pi/2; +0, >0 -> +0
        +0, +0 -> +0; +0, -0 -> pi; +0, <0 -> pi; -0, >0 -> -0; -0, +0 -> -0; -0, -0 -> -pi
        -0, <0 -> -pi; <0, +0 -> -pi/2; <0, -0 -> -pi/2; +finite, +inf -> +0
        +finite, -inf -> pi; -finite, +inf -> -0; -finite, -inf -> -pi; +inf, finite -> pi/2
        -inf, finite -> -pi/2; +inf, +inf -> pi/4; +inf, -inf -> 3pi/4; -inf, +inf -> -pi/4
        -inf, -inf -> -3pi/4
    """,
    "copysign": """
        notnan, <0 -> -size; notnan, -0 -> -size; notnan, +0 -> size; notnan, >0 -> size
        notnan, -nan -> -size; notnan, +nan -> size
        nan, <0 -> -nan; nan, -0 -> -nan; nan, +0 -> +nan; nan, >0 -> +nan; nan, -nan -> -nan
        nan, +nan -> +nan
    """,
    "divide": _DIVISION
    + """
        +inf, +finite -> +inf; +inf, -finite -> -inf; -inf, +finite -> -inf; -inf, -finite -> +inf
        +finite, +inf -> +0; +finite, -inf -> -0; -finite, +inf -> -0; -finite, -inf -> +0
    """,
    "equal": """
        nan, any -> False; any, nan -> False; +inf, +inf -> True; -inf, -inf -> True
        0, 0 -> True; finite, inf -> False; 2.5, 2.5 -> True; 1, 2 -> False; +inf, -inf -> False
    """,
    "floor_divide": _DIVISION
    + """
        +inf, +finite -> +inf|nan; +inf, -finite -> -inf|nan; -inf, +finite -> -inf|nan
        -inf, -finite -> +inf|nan; +finite, +inf -> +0; +finite, -inf -> -0|-1
        -finite, +inf -> -0|-1; -finite, -inf -> +0
    """,
    "hypot": """
        inf, any -> +inf; any, inf -> +inf; 0, finite -> second_size; finite, 0 -> size
        finite, nan -> nan; nan, finite -> nan; nan, nan -> nan
    """,
    "logaddexp": "nan, any -> nan; any, nan -> nan; +inf, notnan -> +inf; notnan, +inf -> +inf",
    "maximum": "nan, any -> nan; any, nan -> nan",
    "minimum": "nan, any -> nan; any, nan -> nan",
    "multiply": """
        nan, any -> nan; any, nan -> nan; inf, 0 -> nan; 0, inf -> nan
        +inf, +inf -> +inf; +inf, -inf -> -inf; -inf, -inf -> +inf; -inf, +inf -> -inf
        +inf, +finite -> +inf; +inf, -finite -> -inf; -inf, +finite -> -inf; -inf, -finite -> +inf
        +finite, +inf -> +inf; -finite, +inf -> -inf; +finite, -inf -> -inf; -finite, -inf -> +inf
        +0, +finite -> +0; +0, -finite -> -0; -0, +finite -> -0; -0, -finite -> +0; -0, -0 -> +0
    """,
    "nextafter": "nan, any -> nan; any, nan -> nan; -0, +0 -> +0; +0, -0 -> -0",
    "not_equal": """
        nan, any -> True; any, nan -> True; +inf, -inf -> True; -inf, +inf -> True
        1, 2 -> True; 0, 0 -> False; +inf, +inf -> False
    """,
    "pow": """
        not1, nan -> nan; any, +0 -> 1; any, -0 -> 1; nan, not0 -> nan
        |>1|, +inf -> +inf; |>1|, -inf -> +0; |1|, +inf -> 1; |1|, -inf -> 1; 1, notnan -> 1
        |<1|, +inf -> +0; |<1|, -inf -> +inf; +inf, >0 -> +inf; +inf, <0 -> +0
        -inf, odd>0 -> -inf; -inf, notodd>0 -> +inf; -inf, odd<0 -> -0; -inf, notodd<0 -> +0
        +0, >0 -> +0; +0, <0 -> +inf; -0, odd>0 -> -0; -0, notodd>0 -> +0; -0, odd<0 -> -inf
        -0, notodd<0 -> +inf; -finite, fraction -> nan
    """,
    "remainder": """
        nan, any -> nan; any, nan -> nan; inf, inf -> nan; 0, 0 -> nan
        +0, >0 -> +0; -0, >0 -> +0; +0, <0 -> -0; -0, <0 -> -0
        >0, +0 -> nan; >0, -0 -> nan; <0, +0 -> nan; <0, -0 -> nan; inf, nonzero -> nan
        +finite, +inf -> first; +finite, -inf -> second; -finite, +inf -> second
        -finite, -inf -> first
    """,
}

#: Element-wise functions of one complex argument: real part, imaginary part -> the result's two.
COMPLEX_UNARY = {
    "acos": """
        0, +0 -> pi/2, -0; 0, nan -> pi/2, nan; finite, +inf -> pi/2, -inf
        nonzero, nan -> nan, nan; -inf, +finite -> pi, -inf; +inf, +finite -> +0, -inf
        -inf, +inf -> 3pi/4, -inf; +inf, +inf -> pi/4, -inf; inf, nan -> nan, inf
        nan, finite -> nan, nan; nan, +inf -> nan, -inf; nan, nan -> nan, nan
    """,
    "acosh": """
        0, +0 -> +0, pi/2; finite, +inf -> +inf, pi/2; nonzero, nan -> nan, nan
        +0, nan -> nan, +-pi/2; -inf, +finite -> +inf, pi; +inf, +finite -> +inf, +0
        -inf, +inf -> +inf, 3pi/4; +inf, +inf -> +inf, pi/4; inf, nan -> +inf, nan
        nan, finite -> nan, nan; nan, +inf -> +inf, nan; nan, nan -> nan, nan
    """,
    "asinh": """
        +0, +0 -> +0, +0; +finite, +inf -> +inf, pi/2; finite, nan -> nan, nan
        +inf, +finite -> +inf, +0; +inf, +inf -> +inf, pi/4; nan, +0 -> nan, +0
        nan, nonzero -> nan, nan; nan, +inf -> inf, nan; nan, nan -> nan, nan
    """,
    "atanh": """
        +0, +0 -> +0, +0; +0, nan -> +0, nan; 1, +0 -> +inf, +0; +finite, +inf -> +0, pi/2
        nonzero, nan -> nan, nan; +inf, +finite -> +0, pi/2; +inf, +inf -> +0, pi/2
        +inf, nan -> +0, nan; nan, finite -> nan, nan; nan, +inf -> 0, pi/2; nan, nan -> nan, nan
    """,
    "cosh": """
        +0, +0 -> 1, +0; +0, +inf -> nan, 0; +0, nan -> nan, 0; nonzero, +inf -> nan, nan
        nonzero, nan -> nan, nan; +inf, +0 -> +inf, +0; +inf, nonzero -> inf*cos, inf*sin
        +inf, +inf -> inf, nan; +inf, nan -> +inf, nan; nan, 0 -> nan, 0
        nan, nonzero -> nan, nan; nan, nan -> nan, nan
    """,
    "exp": """
        0, +0 -> 1, +0; finite, +inf -> nan, nan; finite, nan -> nan, nan; +inf, +0 -> +inf, +0
        -inf, finite -> 0*cos, 0*sin; +inf, nonzero -> inf*cos, inf*sin; -inf, +inf -> 0, 0
        +inf, +inf -> inf, nan; -inf, nan -> 0, 0; +inf, nan -> inf, nan; nan, +0 -> nan, +0
        nan, not0 -> nan, nan; nan, nan -> nan, nan
    """,
    "expm1": """
        0, +0 -> 0, +0; finite, +inf -> nan, nan; finite, nan -> nan, nan; +inf, +0 -> +inf, +0
        -inf, finite -> -1, 0*sin; +inf, nonzero -> inf*cos, inf*sin; -inf, +inf -> -1, 0
        +inf, +inf -> inf, nan; -inf, nan -> -1, 0; +inf, nan -> inf, nan; nan, +0 -> nan, +0
        nan, not0 -> nan, nan; nan, nan -> nan, nan
    """,
    "log": """
        -0, +0 -> -inf, pi; +0, +0 -> -inf, +0; finite, +inf -> +inf, pi/2
        finite, nan -> nan, nan; -inf, +finite -> +inf, pi; +inf, +finite -> +inf, +0
        -inf, +inf -> +inf, 3pi/4; +inf, +inf -> +inf, pi/4; inf, nan -> +inf, nan
        nan, finite -> nan, nan; nan, +inf -> +inf, nan; nan, nan -> nan, nan
    """,
    "log1p": """
        -1, +0 -> -inf, +0; finite, +inf -> +inf, pi/2; finite, nan -> nan, nan
        -inf, +finite -> +inf, pi; +inf, +finite -> +inf, +0; -inf, +inf -> +inf, 3pi/4
        +inf, +inf -> +inf, pi/4; inf, nan -> +inf, nan; nan, finite -> nan, nan
        nan, +inf -> +inf, nan; nan, nan -> nan, nan
    """,
    "sinh": """
        +0, +0 -> +0, +0; +0, +inf -> 0, nan; +0, nan -> 0, nan; +finite, +inf -> nan, nan
        +finite, nan -> nan, nan; +inf, +0 -> +inf, +0; +inf, +finite -> inf*cos, inf*sin
        +inf, +inf -> inf, nan; +inf, nan -> inf, nan; nan, +0 -> nan, +0
        nan, nonzero -> nan, nan; nan, nan -> nan, nan
    """,
    "sqrt": """
        0, +0 -> +0, +0; any, +inf -> +inf, +inf; finite, nan -> nan, nan
        -inf, +finite -> +0, +inf; +inf, +finite -> +inf, +0; -inf, nan -> nan, inf
        +inf, nan -> +inf, nan; nan, finite -> nan, nan; nan, nan -> nan, nan
    """,
    "tanh": """
        +0, +0 -> +0, +0; nonzero, +inf -> nan, nan; +0, +inf -> +0|nan, nan
        nonzero, nan -> nan, nan; +0, nan -> +0|nan, nan; +inf, +finite -> 1, 0
        +inf, +inf -> 1, 0; +inf, nan -> 1, 0; nan, +0 -> nan, +0; nan, nonzero -> nan, nan
        nan, nan -> nan, nan
    """,
    "sign": "0, 0 -> 0, 0; nan, any -> nan, nan; any, nan -> nan, nan",
}

#: Functions for which ``f(conj(x))`` must be ``conj(f(x))``.
CONJUGATE = "acos acosh asinh atanh cosh exp expm1 log log1p sinh sqrt tanh".split()

#: Complex functions defined by others: f(x) = turn(g(turned x)); ``j`` multiplies by 1j.
BY_OTHERS = {
    "asin": ("asinh", "-j"),
    "atan": ("atanh", "-j"),
    "cos": ("cosh", ""),
    "sin": ("sinh", "-j"),
    "tan": ("tanh", "-j"),
}

#: Of one complex argument, a truth value.
COMPLEX_TESTS = {
    "isfinite": "nan, any -> False; any, nan -> False; inf, any -> False; any, inf -> False; "
    "finite, finite -> True",
    "isinf": "inf, any -> True; any, inf -> True; finite, finite -> False; nan, finite -> False",
    "isnan": "nan, any -> True; any, nan -> True; finite, finite -> False; inf, finite -> False",
}

#: The magnitude of a complex argument.
COMPLEX_ABS = """
    inf, any -> +inf; any, inf -> +inf; 0, finite -> second_size; finite, 0 -> size
    nan, finite -> nan; finite, nan -> nan; nan, nan -> nan
"""
