"""Which functions run in half precision under autocast, which in float32, which in the widest.

The lists are PyTorch's, by device: a CPU's float32 is quick, so fewer functions are kept out of
half precision there. A function in none of them runs in the dtypes that reach it.

Source: PyTorch's page on automatic mixed precision, "Autocast Op Reference".
"""

from __future__ import annotations

HALF, SINGLE, WIDEST, AS_IS = "half", "single", "widest", "as is"

_F = "nn.functional."


def _table(half: str, single: str, widest: str, as_is: str = "") -> dict[str, str]:
    policies = ((HALF, half), (SINGLE, single), (WIDEST, widest), (AS_IS, as_is))
    return {name: policy for policy, names in policies for name in names.split()}


_CONVOLUTIONS = " ".join(
    f"{_F}conv{transposed}{dims}d" for transposed in ("", "_transpose") for dims in (1, 2, 3)
)
_LOSSES = " ".join(
    _F + name
    for name in (
        "cosine_embedding_loss", "cross_entropy", "hinge_embedding_loss", "kl_div", "l1_loss",
        "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss",
        "nll_loss", "poisson_nll_loss", "soft_margin_loss", "triplet_margin_loss",
        "binary_cross_entropy_with_logits",
    )
)  # fmt: skip
_FFT = " ".join(
    f"fft.{inverse}{kind}{dims}"
    for kind in ("fft", "rfft", "hfft")
    for inverse in ("", "i")
    for dims in ("", "2", "n")
)
_LINALG = " ".join(
    f"linalg.{name}"
    for name in (
        "cholesky", "cholesky_ex", "cond", "eig", "eigh", "eigvals", "eigvalsh",
        "householder_product", "inv", "inv_ex", "lstsq", "matrix_rank", "pinv", "qr", "solve",
        "svd", "svdvals", "tensorinv", "tensorsolve",
    )
)  # fmt: skip

#: For each kind of device: public functions, as places below ``weft``, and what becomes of their
#: tensors.
POLICIES: dict[str, dict[str, str]] = {
    "cpu": _table(
        f"""matmul mm bmm addmm addbmm baddbmm linalg.vecdot lstm {_F}linear {_F}prelu
        {_F}scaled_dot_product_attention {_CONVOLUTIONS}""",
        f"""{_F}avg_pool3d {_F}binary_cross_entropy {_F}grid_sample polar prod quantile nanquantile
        stft cdist trace view_as_complex cholesky cholesky_inverse cholesky_solve inverse
        orgqr ormqr pinverse qr svd geqrf triangular_solve {_F}max_pool3d {_F}max_unpool2d
        {_F}max_unpool3d {_F}adaptive_avg_pool3d {_F}adaptive_max_pool3d {_F}huber_loss
        {_F}smooth_l1_loss {_F}ctc_loss {_F}fractional_max_pool2d {_F}fractional_max_pool3d
        {_LOSSES} {_FFT} {_LINALG}""",
        "cat stack index_copy",
        "mv addmv",  # which call what is in the first list
    ),
    "cuda": _table(
        f"""matmul mm mv bmm addmm addmv addr addbmm baddbmm chain_matmul linalg.multi_dot lstm gru
        lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell {_F}linear {_F}prelu
        {_F}scaled_dot_product_attention {_CONVOLUTIONS}""",
        f"""acos asin cosh cdist cumprod cumsum dist erfinv exp expm1 log log10 log1p log2 norm pow
        prod reciprocal rsqrt sinh sum renorm tan {_F}cosine_similarity {_F}group_norm
        {_F}layer_norm softmax log_softmax {_F}softmin {_F}softplus {_F}normalize {_F}pdist
        {_F}smooth_l1_loss {_LOSSES}""",
        f"""cat stack addcdiv addcmul atan2 {_F}bilinear linalg.cross dot {_F}grid_sample index_put
        scatter_add tensordot""",
    ),
}
