"""Where the names of each of torch's modules are found: our stand-ins first, then weft's own."""

from __future__ import annotations

from importlib.util import find_spec

#: The stand-ins: modules of this package, which hold what weft has no use for itself.
OWN = "weft.compat.torch.names."

_NN_MODULES = {
    "activation": (),
    "adaptive": ("nn_modules_adaptive",),
    "batchnorm": ("nn_modules_batchnorm",),
    "channelshuffle": (),
    "container": (),
    "conv": ("nn_modules_conv",),
    "distance": (),
    "dropout": ("nn_modules_dropout",),
    "flatten": (),
    "fold": (),
    "instancenorm": ("nn_modules_batchnorm",),
    "lazy": ("weft.nn.lazy",),
    "linear": ("nn_modules_linear",),
    "linear_cross_entropy": (),
    "linear_cross_entropy_options": (),
    "loss": ("nn_modules_loss",),
    "module": ("nn_modules_module",),
    "normalization": (),
    "padding": ("nn_modules_padding",),
    "pixelshuffle": (),
    "pooling": ("nn_modules_pooling",),
    "rnn": (),
    "sparse": (),
    "transformer": ("nn_modules_transformer",),
    "upsampling": (),
    "utils": ("nn_modules_utils",),
}

_OPTIMIZERS = (
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "asgd", "lbfgs", "nadam",
    "radam", "rmsprop", "rprop", "sgd", "sparse_adam",
)  # fmt: skip

#: The modules that the names of a module of torch come from, in the order in which they are asked;
#: what has no dot is a stand-in. Where there is no row, ``torch.a.b`` is ``weft.a.b`` (see `find`).
PLACES: dict[str, tuple[str, ...]] = {
    "torch": ("top", "tensor_types", "symbolic", "storage", "weft"),
    "torch._C": ("_c",),
    "torch._C._nn": ("c_nn", "weft.nn.functional"),
    "torch._custom_ops": ("library",),
    "torch._dynamo": ("_dynamo",),
    "torch._dynamo.eval_frame": ("_dynamo",),
    "torch._dynamo.utils": ("_dynamo",),
    "torch._dynamo._trace_wrapped_higher_order_op": ("_dynamo_index",),
    "torch._higher_order_ops": ("associative_scan",),
    "torch._higher_order_ops.associative_scan": ("associative_scan",),
    "torch._jit_internal": ("jit", "_jit_internal"),
    "torch._subclasses": ("fakes",),
    "torch._subclasses.fake_tensor": ("fakes",),
    "torch._tensor": ("weft",),
    "torch._utils": ("flat_buffers",),
    "torch.accelerator": ("accelerator",),
    "torch.amp.autocast_mode": ("weft.amp",),
    "torch.amp.grad_scaler": ("weft.amp",),
    "torch.ao": (),
    "torch.ao.quantization": ("quantization",),
    "torch.autograd": ("autograd", "weft.autograd"),
    "torch.autograd.function": ("autograd", "weft.autograd.function", "weft.autograd"),
    "torch.autograd.grad_mode": ("weft",),
    "torch.autograd.gradcheck": ("weft.autograd",),
    "torch.autograd.profiler": ("autograd_profiler", "weft.profiler"),
    "torch.autograd.variable": ("autograd",),
    "torch.backends.cuda": ("backends_cuda",),
    "torch.backends.cuda.matmul": ("backends_cuda_matmul",),
    "torch.backends.cudnn": ("backends_cudnn",),
    "torch.backends.cudnn.rnn": (),
    "torch.backends.mkl": ("backends_absent",),
    "torch.backends.mps": ("backends_absent",),
    "torch.backends.opt_einsum": ("backends_absent",),
    "torch.compiler": ("compiler",),
    "torch.cuda": ("cuda", "weft.cuda"),
    "torch.cpu.amp": ("cpu_amp",),
    "torch.cuda.amp": ("cuda_amp",),
    "torch.cuda.amp.autocast_mode": ("cuda_amp",),
    "torch.cuda.amp.grad_scaler": ("cuda_amp",),
    "torch.cuda.random": ("weft.cuda",),
    "torch.distributed": ("distributed",),
    "torch.distributed.device_mesh": ("distributed_tensor",),
    "torch.distributed.nn": ("distributed",),
    "torch.distributed.tensor": ("distributed_tensor",),
    "torch.functional": ("weft",),
    "torch.fx": ("fx",),
    "torch.fx.experimental": (),
    "torch.fx.experimental.proxy_tensor": ("fakes",),
    "torch.fx.experimental.symbolic_shapes": ("symbolic",),
    **{f"torch.fx.{name}": ("fx",) for name in ("graph", "graph_module", "node", "proxy")},
    "torch.hub": ("hub",),
    "torch.jit": ("jit",),
    "torch.jit.annotations": ("jit_annotations",),
    "torch.library": ("library", "weft.library"),
    "torch.mps": ("backends_absent",),
    "torch.multiprocessing": ("multiprocessing",),
    "torch.nn": ("nn", "weft.nn"),
    "torch.nn.attention": ("nn_attention",),
    "torch.nn.attention.flex_attention": ("nn_attention_flex",),
    "torch.nn.common_types": ("nn_common_types",),
    "torch.nn.init": ("nn_init", "weft.nn.init"),
    "torch.nn.modules": ("nn", "weft.nn"),
    **{
        f"torch.nn.modules.{name}": (*places, "weft.nn")
        for name, places in _NN_MODULES.items()
    },
    "torch.nn.parallel": ("nn_parallel",),
    "torch.nn.parallel.distributed": ("nn_parallel",),
    "torch.nn.parameter": ("weft.nn.parameter", "weft.nn.uninitialized", "weft.nn"),
    "torch.onnx": ("onnx",),
    "torch.onnx.operators": (),
    "torch.onnx.symbolic_helper": ("onnx_symbolic",),
    **{f"torch.onnx.symbolic_opset{n}": ("onnx_symbolic",) for n in range(9, 21)},
    "torch.ops": ("ops",),
    "torch.optim.lr_scheduler": ("lr_scheduler", "weft.optim.lr_scheduler"),
    "torch.optim.optimizer": ("optimizer", "weft.optim"),
    **{f"torch.optim.{name}": ("weft.optim",) for name in _OPTIMIZERS},
    "torch.overrides": ("overrides",),
    "torch.profiler": ("profiler", "weft.profiler"),
    "torch.profiler.profiler": ("profiler", "weft.profiler"),
    "torch.quantization": ("quantization",),
    "torch.random": ("weft.random", "weft"),
    "torch.serialization": ("serialization",),
    "torch.storage": ("storage",),
    "torch.torch_version": ("torch_version",),
    "torch.types": ("types",),
    "torch.utils": ("set_module", "weft.utils"),
    "torch.utils._pytree": ("utils_pytree",),
    "torch.utils.benchmark": ("weft.utils.benchmark",),
    "torch.utils.checkpoint": ("utils_checkpoint", "weft.utils.checkpoint"),
    "torch.utils.data": ("weft.data",),
    "torch.utils.data._utils": (),
    "torch.utils.data._utils.collate": ("weft.data.collate",),
    "torch.utils.data._utils.worker": ("weft.data.worker",),
    "torch.utils.data.dataloader": ("utils_data_dataloader", "weft.data.dataloader", "weft.data"),
    "torch.utils.data.dataset": ("weft.data",),
    "torch.utils.data.distributed": ("weft.data",),
    "torch.utils.data.sampler": ("weft.data",),
    "torch.utils.dlpack": ("weft",),
    "torch.utils.hooks": ("utils_hooks",),
    "torch.utils.model_zoo": ("model_zoo",),
    "torch.version": ("version",),
    "torch.xpu": ("backends_absent",),
}  # fmt: skip


def find(name: str) -> tuple[str, ...] | None:
    """Return the modules that stand behind a module of torch, or None if it is absent."""
    places = PLACES.get(name)
    if places is not None:
        return tuple(place if "." in place or place == "weft" else OWN + place for place in places)
    below = name.partition(".")[2].split(".")
    if any(part.startswith("_") for part in below):
        return None
    same = ".".join(("weft", *below))
    try:
        return (same,) if find_spec(same) is not None else None
    except ModuleNotFoundError:  # a part before the last is absent or no package
        return None
