"""Functions of weft that a graph may call as they are: pure, without randomness or state.

This is an allow-list: what stands here was read and found to depend on its arguments alone and to
touch nothing else. A line is refused by a test if the function has no such arguments.
"""

from __future__ import annotations

from weft.graph._function import public

#: Settings that several lines share.
_TRANSPOSED = "stride?: ints, padding?: ints, output_padding?: ints, groups?: int, dilation?: ints"
_MEANS = (
    "kernel_size: ints, stride?: ints, padding?: ints, ceil_mode?: bool, count_include_pad?: bool"
)
_LARGEST = "kernel_size: ints, stride?: ints, padding?: ints, dilation?: ints, ceil_mode?: bool"
_RESIZED = "size?: ints, scale_factor?: floats, mode?: text, align_corners?: bool, antialias?: bool"
_ATTENDED = "is_causal?: bool, scale?: float, enable_gqa?: bool"

POINTWISE = public(
    "weft",
    """
    abs(input)
    acos(input)
    acosh(input)
    asin(input)
    asinh(input)
    atan(input)
    atanh(input)
    bitwise_not(input)
    ceil(input)
    celu(input; alpha?: float)
    clone(input)
    cos(input)
    cosh(input)
    detach(input)
    digamma(input)
    erf(input)
    erfc(input)
    erfinv(input)
    exp(input)
    exp2(input)
    expm1(input)
    floor(input)
    frac(input)
    isfinite(input)
    isinf(input)
    isnan(input)
    isneginf(input)
    isposinf(input)
    lgamma(input)
    log(input)
    log10(input)
    log1p(input)
    log2(input)
    logical_not(input)
    logit(input; eps?: float)
    nan_to_num(input; nan?: float, posinf?: float, neginf?: float)
    neg(input)
    positive(input)
    reciprocal(input)
    relu(input)
    round(input; decimals?: int)
    rsqrt(input)
    selu(input)
    sigmoid(input)
    sign(input)
    sin(input)
    sinc(input)
    sinh(input)
    sqrt(input)
    square(input)
    tan(input)
    tanh(input)
    threshold(input; threshold: float, value: float)
    trunc(input)
    """,
)

ACTIVATIONS = public(
    "weft.nn.functional",
    """
    elu(input; alpha?: float)
    gelu(input; approximate?: text)
    glu(input; dim?: int)
    hardshrink(input; lambd?: float)
    hardsigmoid(input)
    hardswish(input)
    hardtanh(input; min_val?: float, max_val?: float)
    leaky_relu(input; negative_slope?: float)
    logsigmoid(input)
    mish(input)
    relu6(input)
    silu(input)
    softplus(input; beta?: float, threshold?: float)
    softshrink(input; lambd?: float)
    softsign(input)
    tanhshrink(input)
    """,
)

PAIRS = public(
    "weft",
    """
    add(input~, other~)
    atan2(input~, other~)
    bitwise_and(input~, other~)
    bitwise_left_shift(input~, other~)
    bitwise_or(input~, other~)
    bitwise_right_shift(input~, other~)
    bitwise_xor(input~, other~)
    clamp(input, min?, max?)
    copysign(input~, other~)
    div(input~, other~; rounding_mode?: text)
    eq(input, other~)
    floor_divide(input~, other~)
    fmod(input~, other~)
    ge(input, other~)
    gt(input, other~)
    hypot(input, other)
    le(input, other~)
    lerp(input, end, weight~)
    logaddexp(input, other)
    logical_and(input, other)
    logical_or(input, other)
    logical_xor(input, other)
    lt(input, other~)
    masked_fill(input, mask; value: float)
    maximum(input, other)
    minimum(input, other)
    mul(input~, other~)
    ne(input, other~)
    pow(input~, exponent~)
    remainder(input~, other~)
    sub(input~, other~)
    where(condition, input~, other~)
    xlogy(input~, other~)
    """,
)

REDUCTIONS = public(
    "weft",
    """
    all(input; dim?: ints, keepdim?: bool)
    amax(input; dim?: ints, keepdim?: bool)
    amin(input; dim?: ints, keepdim?: bool)
    any(input; dim?: ints, keepdim?: bool)
    argmax(input; dim?: int, keepdim?: bool)
    argmin(input; dim?: int, keepdim?: bool)
    argsort(input; dim?: int, descending?: bool, stable?: bool)
    count_nonzero(input; dim?: ints)
    cummax(input; dim: int) -> 2
    cummin(input; dim: int) -> 2
    cumprod(input; dim: int)
    cumsum(input; dim: int)
    logcumsumexp(input; dim: int)
    logsumexp(input; dim: ints, keepdim?: bool)
    mean(input; dim?: ints, keepdim?: bool)
    median(input)
    norm(input; p?: float, dim?: ints, keepdim?: bool)
    prod(input; dim?: ints, keepdim?: bool)
    sort(input; dim?: int, descending?: bool, stable?: bool) -> 2
    std(input; dim?: ints, correction?: int, keepdim?: bool)
    sum(input; dim?: ints, keepdim?: bool)
    topk(input; k: int, dim?: int, largest?: bool, sorted?: bool) -> 2
    var(input; dim?: ints, correction?: int, keepdim?: bool)
    """,
)

SHAPES = public(
    "weft",
    """
    broadcast_to(input; size: ints)
    cat(tensors*; dim?: int)
    channel_shuffle(input; groups: int)
    chunk(input; chunks: int, dim?: int) -> *
    diag(input; diagonal?: int)
    diag_embed(input; offset?: int, dim1?: int, dim2?: int)
    diagonal(input; offset?: int, dim1?: int, dim2?: int)
    flatten(input; start_dim?: int, end_dim?: int)
    flip(input; dims: ints)
    gather(input, index; dim: int)
    index_select(input, index; dim: int)
    masked_select(input, mask)
    movedim(input; source: ints, destination: ints)
    narrow(input; dim: int, start: int, length: int)
    nonzero(input)
    permute(input; dims: ints)
    pixel_shuffle(input; upscale_factor: int)
    pixel_unshuffle(input; downscale_factor: int)
    repeat_interleave(input, repeats?; dim?: int)
    reshape(input; shape: ints)
    roll(input; shifts: ints, dims?: ints)
    select(input; dim: int, index: int)
    split(tensor; split_size_or_sections: ints, dim?: int) -> *
    squeeze(input; dim?: ints)
    stack(tensors*; dim?: int)
    take_along_dim(input, indices; dim?: int)
    tile(input; dims: ints)
    transpose(input; dim0: int, dim1: int)
    tril(input; diagonal?: int)
    triu(input; diagonal?: int)
    unbind(input; dim?: int) -> *
    unflatten(input; dim: int, sizes: ints)
    unsqueeze(input; dim: int)
    """,
)

PRODUCTS = public(
    "weft",
    """
    addmm(input, mat1, mat2; beta?: float, alpha?: float)
    baddbmm(input, batch1, batch2; beta?: float, alpha?: float)
    bmm(input, mat2)
    cosine_similarity(x1, x2; dim?: int, eps?: float)
    cross(input, other; dim?: int)
    det(input)
    dot(input, tensor)
    inverse(input)
    matmul(input, other)
    mm(input, mat2)
    mv(input, vec)
    outer(input, vec2)
    trace(input)
    """,
)

LAYERS = public(
    "weft.nn.functional",
    f"""
    affine_grid(theta; size: ints, align_corners?: bool)
    batch_norm(input, running_mean, running_var, weight?, bias?; eps?: float)
    conv1d(input, weight, bias?; stride?: ints, padding?: ints, dilation?: ints, groups?: int)
    conv2d(input, weight, bias?; stride?: ints, padding?: ints, dilation?: ints, groups?: int)
    conv3d(input, weight, bias?; stride?: ints, padding?: ints, dilation?: ints, groups?: int)
    conv_transpose1d(input, weight, bias?; {_TRANSPOSED})
    conv_transpose2d(input, weight, bias?; {_TRANSPOSED})
    conv_transpose3d(input, weight, bias?; {_TRANSPOSED})
    fold(input; output_size: ints, kernel_size: ints, dilation?: ints, padding?: ints)
    grid_sample(input, grid; mode?: text, padding_mode?: text, align_corners?: bool)
    group_norm(input, weight?, bias?; num_groups: int, eps?: float)
    interpolate(input; {_RESIZED})
    instance_norm(input, weight?, bias?; eps?: float)
    linear(input, weight, bias?)
    local_response_norm(input; size: int, alpha?: float, beta?: float, k?: float)
    log_softmax(input; dim: int)
    normalize(input; p?: float, dim?: int, eps?: float)
    one_hot(input; num_classes?: int)
    pad(input; pad: ints, mode?: text, value?: float)
    prelu(input, weight)
    scaled_dot_product_attention(query, key, value, attn_mask?; {_ATTENDED})
    softmax(input; dim: int)
    softmin(input; dim: int)
    unfold(input; kernel_size: ints, dilation?: ints, padding?: ints, stride?: ints)
    """,
)

POOLING = public(
    "weft.nn.functional",
    f"""
    adaptive_avg_pool1d(input; output_size: ints)
    adaptive_avg_pool2d(input; output_size: ints)
    adaptive_avg_pool3d(input; output_size: ints)
    adaptive_max_pool1d(input; output_size: ints)
    adaptive_max_pool2d(input; output_size: ints)
    adaptive_max_pool3d(input; output_size: ints)
    avg_pool1d(input; {_MEANS})
    avg_pool2d(input; {_MEANS})
    avg_pool3d(input; {_MEANS})
    max_pool1d(input; {_LARGEST})
    max_pool2d(input; {_LARGEST})
    max_pool3d(input; {_LARGEST})
    """,
)

TABLES = (
    POINTWISE,
    ACTIVATIONS,
    PAIRS,
    REDUCTIONS,
    SHAPES,
    PRODUCTS,
    LAYERS,
    POOLING,
)
