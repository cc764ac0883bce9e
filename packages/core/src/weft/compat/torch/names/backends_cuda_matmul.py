"""``torch.backends.cuda.matmul``: how exact products on a GPU are to be."""

allow_tf32 = False
fp32_precision = "ieee"
allow_fp16_reduced_precision_reduction = False
allow_bf16_reduced_precision_reduction = False
