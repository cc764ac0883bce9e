"""The gamma function's logarithm and its first two derivatives in the kernel language.

They are computed in float64 for both floats: near a zero what counts is the absolute error. Up to 1
they stand on the values one further on, from 3 on on Stirling's series, whose rest is a polynomial
of 1 / z**2; between them is a polynomial about 2, by the zeros of the function where it has any.
Below 0 they are reflected. The polynomials interpolate at Chebyshev's points.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.logarithms import log
from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.language import f32, f64, fma, function, overload, rint

INF, NAN = float("inf"), float("nan")
_PI_SQUARED = 9.869604401089358
_HALF_LOG_TAU = 0.9189385332046728
_LGAMMA_NEAR = (
    -2.8541007959705006e-09, 5.89638616423332e-09, 6.3565524302872395e-09,
    -1.3074081880171198e-08, -2.64252707231207e-08, 5.4754361972630815e-08,
    -2.4332114658098466e-08, 5.165015376455897e-08, -2.0635178288309344e-07,
    4.3404410108070576e-07, -8.453442762427366e-07, 1.7923920411786242e-06,
    -3.849997161230253e-06, 8.227705232611113e-06, -1.766105183616701e-05, 3.8167601000364536e-05,
    -8.309521946458717e-05, 0.00018255283120135137, -0.0004057073892742056, 0.00091537690527288,
    -0.002108130834332547, 0.004998641165474131, -0.012384192193364526, 0.0329650006211419,
    -0.10031730167435395, 0.4227843350984672,
)  # fmt: skip
_LGAMMA_FAR = (
    -1.2591741378706647, 1.0364376287210755, -0.41302940091672014, 0.11229667461420963,
    -0.02591763548428459, 0.006266355072207451, -0.0019135564194573535, 0.000841678862598761,
    -0.0005952373063227016, 0.0007936507891020488, -0.002777777777767353, 0.08333333333333333,
)  # fmt: skip
_SINE = (
    7.697826768224191e-07, -2.1903497074626018e-05, 0.0004662998161898394, -0.007370430505916944,
    0.0821458865731029, -0.5992645293189447, 2.5501640398773007, -5.167712780049969,
    3.141592653589793,
)  # fmt: skip
_COTANGENT = (
    16.010441555350102, -14.00913635189951, 11.319882534156065, -1.3837148002891513,
    2.8304597027964618, 1.8569869062340112, 2.0175482780709193, 1.9984989923885619,
    2.000216397061563, 2.0004882445092558, 2.0019892571205644, 2.008154710650887,
    2.0346861239837795, 2.1646464674222266, 3.289868133696453,
)  # fmt: skip
#: Where digamma is 0, in two parts.
_ROOT = (1.461632144968462, -9.96025276570394e-14)
_DIGAMMA_NEAR = (
    -1.7761164657311092e-08, 3.5522369338099865e-08, 5.328329384194519e-08,
    -1.0656650754868837e-07, -1.7539270230074725e-07, 3.507870021296414e-07,
    1.3308078507989082e-08, -2.6603375448605673e-08, -8.06929901632468e-07,
    1.6139770098511155e-06, -2.5177902138657835e-06, 5.036637483076053e-06,
    -1.0488231214428746e-05, 2.0986038744475146e-05, -4.183287870102062e-05,
    8.375296415605426e-05, -0.00016781775052066207, 0.0003364375027261533, -0.0006753130512021924,
    0.001358141553176395, -0.0027395729068705873, 0.005552254218753452, -0.011338432552414434,
    0.023447309595886052, -0.049551032917686935, 0.10899991701765432, -0.26073895468300134,
    0.7853075386041052,
)  # fmt: skip
_DIGAMMA_FAR = (
    119.19157811856279, -101.3156032293876, 40.78054075278386, -10.680672737836394,
    2.172186775531551, -0.4045406921025246, 0.0820733588984081, -0.021063933358260106,
    0.007575319141339918, -0.004166662610806694, 0.003968253948413878, -0.008333333333294637,
    0.08333333333333331,
)  # fmt: skip
_TRIGAMMA_NEAR = (
    7.150842677727819e-08, -1.390215334295381e-07, -2.841378452472085e-07, 5.532930656583099e-07,
    8.630452154550125e-07, -1.677647970777182e-06, -7.941044775440832e-07, 1.5555510398518235e-06,
    2.5827162557766306e-06, -4.9816236173114924e-06, 4.118731313144507e-06,
    -7.808529189781488e-06, 1.8593544450196668e-05, -3.5259465104352475e-05,
    6.471630060767517e-05, -0.00012184922694520364, 0.00022928197294419894,
    -0.00042832892147728695, 0.0007962166849000178, -0.0014725425099957174, 0.0027069532339447583,
    -0.004941888275519955, 0.008951176058953068, -0.016067142430678208, 0.02854149338973793,
    -0.0500956642995736, 0.08671530992215865, -0.1477110205733102, 0.24696970113341513,
    -0.40411380631918964, 0.6449340668482264,
)  # fmt: skip
_TRIGAMMA_FAR = (
    95348.23338763771, -88761.92597110076, 38588.189588519555, -10547.646713399088,
    2082.641738409512, -330.09899365227017, 46.97730497234864, -6.8407290471415125,
    1.1607604938490745, -0.2530148243041056, 0.07575646997405466, -0.033333325726831495,
    0.02380952378168711, -0.033333333333292574, 0.16666666666666666,
)  # fmt: skip


@function
def _sine_over(r):
    """sin(pi r) / r for r from -1/2 to 1/2."""
    return horner(r * r, _SINE)


@function
def _far(a):
    """The logarithm of gamma(a) from 3 on, but for its terms with log(a)."""
    z = 1.0 / a
    return z * horner(z * z, _LGAMMA_FAR) + (_HALF_LOG_TAU - 0.5)


@function
def _lgamma64(x):
    a = abs(x)
    below = a < 1.0
    t = a - 1.0 if below else (3.0 if a > 3.0 else a) - 2.0
    near = t * (t + 1.0) * horner(t, _LGAMMA_NEAR) + 0.0  # 0 at 1, not -0
    high = 3.0 if a < 3.0 else a
    log_a = log(a)
    far = fma(high - 0.5, log_a - 1.0, _far(high))
    y = near if a < 3.0 else far
    # gamma(x) gamma(-x) is -pi / (x sin(pi x))
    r = a - rint(a)
    reflected = log(3.141592653589793 / abs(r * _sine_over(r) * (1.0 if below else a))) - y
    y = y - log_a if below else y
    y = INF if a == INF else y
    reflected = INF if r == 0.0 or a == INF else reflected
    return reflected if x < 0.0 else y


@function
def _lgamma32(x):
    return f32(_lgamma64(f64(x)))


@function
def _digamma64(x):
    a = abs(x)
    below = a < 1.0
    t = a - 1.0 if below else (3.0 if a > 3.0 else a) - 2.0
    near = ((t + 2.0 - _ROOT[0]) - _ROOT[1]) * horner(t, _DIGAMMA_NEAR)
    high = 3.0 if a < 3.0 else a
    z = 1.0 / high
    u = z * z
    far = log(high) - fma(u, horner(u, _DIGAMMA_FAR), 0.5 * z)
    y = near if a < 3.0 else far
    r = a - rint(a)
    cotangent = 1.0 / r - r * horner(r * r, _COTANGENT)
    reflected = (y if below else y + 1.0 / a) + cotangent
    reflected = NAN if r == 0.0 else reflected
    y = y - 1.0 / x if below else y
    return reflected if x < 0.0 else y


@function
def _digamma32(x):
    return f32(_digamma64(f64(x)))


@function
def trigamma(x):
    """The derivative of digamma, of float64."""
    a = abs(x)
    below = a < 1.0
    t = a - 1.0 if below else (3.0 if a > 3.0 else a) - 2.0
    near = horner(t, _TRIGAMMA_NEAR)
    high = 3.0 if a < 3.0 else a
    z = 1.0 / high
    u = z * z
    far = z + (0.5 * u + z * u * horner(u, _TRIGAMMA_FAR))
    y = near if a < 3.0 else far
    r = a - rint(a)
    sine = r * _sine_over(r)
    own = 1.0 / (a * a)
    reflected = _PI_SQUARED / (sine * sine) - (y if below else y - own)
    y = y + own if below else y
    y = x if x != x else y
    return reflected if x < 0.0 else y


lgamma = overload(f32=_lgamma32, f64=_lgamma64)
digamma = overload(f32=_digamma32, f64=_digamma64)
