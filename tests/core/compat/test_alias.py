"""``import torch`` within the alias: what is found, what is refused, and what is left after it."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import weft
from weft.compat.torch import alias

MODEL = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, einsum
from torch.nn.modules.utils import _pair
from torch.jit import Final
from torch.utils.checkpoint import checkpoint


@torch.jit.script
def twice(x: Tensor) -> Tensor:
    return x * 2


class Model(nn.Module):
    sizes: Final[int]

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    @torch.no_grad()
    def scores(self, x):
        return F.softmax(self(x), dim=-1)

    @torch.jit.ignore
    def forward(self, x):
        torch._assert(x.shape[-1] == 3, "three features")
        if torch.jit.is_scripting():
            raise AssertionError
        return twice(self.layer(x)).to(torch.float32)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on the path with a file written for PyTorch, ``theirs``."""
    (tmp_path / "theirs.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("theirs", None)


def test_a_file_that_says_import_torch_runs_on_weft(package: Path) -> None:
    with alias() as torch:
        file = importlib.import_module("theirs")
        assert sys.modules["torch"] is torch
    model = file.Model()
    assert isinstance(model, weft.nn.Module)
    scores = model.scores(weft.ones(4, 3))
    assert isinstance(scores, weft.Tensor)
    assert tuple(scores.shape) == (4, 2)
    assert weft.allclose(scores.sum(-1), weft.ones(4))
    model(weft.ones(4, 3)).sum().backward()
    assert model.layer.weight.grad is not None


def test_after_the_block_torch_and_what_was_imported_for_it_are_as_before(package: Path) -> None:
    before = sys.modules.get("torch")
    finders = list(sys.meta_path)
    with alias():
        inside = importlib.import_module("theirs")
    assert sys.modules.get("torch") is before
    assert "theirs" not in sys.modules
    assert sys.meta_path == finders
    with alias():  # a later block goes on with what an earlier one imported
        assert importlib.import_module("theirs") is inside


def test_an_error_within_the_block_leaves_it_as_well() -> None:
    finders = list(sys.modules)
    with pytest.raises(ZeroDivisionError), alias():
        raise ZeroDivisionError
    assert "torch" in finders or "torch" not in sys.modules


def test_what_knew_another_torch_is_imported_again(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ModuleType("torch")
    known = ModuleType("theirs")
    vars(known)["torch"] = real
    monkeypatch.setitem(sys.modules, "torch", real)
    monkeypatch.setitem(sys.modules, "theirs", known)
    with alias() as torch:
        assert torch is not real
        assert importlib.import_module("theirs") is not known
    assert sys.modules["torch"] is real
    assert sys.modules["theirs"] is known


def test_pythons_own_modules_stay_though_torch_puts_functions_into_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def patched() -> None:
        """As PyTorch patches `inspect.getfile`."""

    patched.__module__ = "torch.package"
    monkeypatch.setattr(inspect, "getfile", patched)
    with alias():
        assert importlib.import_module("inspect") is inspect


def test_packages_are_imported_afresh_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "registry.py").write_text("import sys\nseen = 'torch' in sys.modules\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    outside = importlib.import_module("registry")
    with alias(afresh=("registry",)):
        assert importlib.import_module("registry").seen
    assert importlib.import_module("registry") is outside
    monkeypatch.delitem(sys.modules, "registry")


@pytest.mark.parametrize("required", ["torch>=2; extra == 'models'", "torchlike>=2", ""])
def test_a_package_that_asks_for_torch_when_installed_is_imported_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, required: str
) -> None:
    # As transformers does: no module of it holds torch before a model is first asked for.
    name = f"lazy{len(required)}"  # what a name asks for is kept
    (tmp_path / f"{name}.py").write_text("def model():\n    import torch\n    return torch\n")
    (tmp_path / f"{name}-1.dist-info").mkdir()
    (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
        + (f"Requires-Dist: {required}\n" if required else "")
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    outside = importlib.import_module(name)
    with alias() as torch:
        inside = importlib.import_module(name)
        assert inside.model() is torch
    assert (inside is outside) == (not required.startswith("torch>"))
    assert importlib.import_module(name) is outside
    monkeypatch.delitem(sys.modules, name)


def test_blocks_nest() -> None:
    with alias() as outer:
        with alias() as inner:
            assert inner is outer
        assert sys.modules["torch"] is outer


def test_an_absent_name_is_named_with_the_page_that_lists_what_differs() -> None:
    with alias() as torch:
        assert not hasattr(torch, "sparse_coo_tensor")
        with pytest.raises(AttributeError, match=r"no torch\.sparse_coo_tensor.*migration"):
            torch.sparse_coo_tensor  # noqa: B018 - asking is what is tested
        with pytest.raises(AttributeError, match=r"no torch\.nn\.Linaer; did you mean 'Linear'"):
            torch.nn.Linaer  # noqa: B018 - asking is what is tested
        with pytest.raises(ImportError, match=r"no torch\.sparse_coo_tensor.*migration"):
            from torch import sparse_coo_tensor  # noqa: F401 - it is not there
        with pytest.raises(ModuleNotFoundError, match=r"no torch\.distributed\.fsdp"):
            import torch.distributed.fsdp


def test_asking_whether_a_module_exists_raises_nothing() -> None:
    with alias():
        assert importlib.util.find_spec("torch") is not None
        assert importlib.util.find_spec("torch.nn.functional") is not None
        assert importlib.util.find_spec("torch.export") is None


def test_the_distribution_torch_has_a_version() -> None:
    with alias() as torch:
        assert importlib.metadata.version("torch") == str(torch.__version__)
        assert torch.__version__ >= (2, 0)
        assert torch.__version__ > "1.13.1"
        assert not torch.__version__ < "2.13"
        assert torch.version.cuda is None


def test_a_star_import_brings_the_names() -> None:
    with alias():
        space: dict[str, object] = {}
        exec("from torch.nn import *", space)
    assert space["Linear"] is weft.nn.Linear


def test_settings_reach_weft_and_others_are_kept() -> None:
    with alias() as torch:
        torch.backends.cudnn.benchmark = True
        assert torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = False
        before = weft.backends.mkldnn.enabled
        torch.backends.mkldnn.enabled = False
        try:
            assert not weft.backends.mkldnn.enabled
        finally:
            torch.backends.mkldnn.enabled = before


def test_tensor_types_make_and_recognise_tensors() -> None:
    with alias() as torch:
        made = torch.LongTensor([[1, 2]])
        assert made.dtype == weft.int64
        assert isinstance(made, torch.LongTensor)
        assert not isinstance(made, torch.FloatTensor)
        assert tuple(torch.FloatTensor(2, 3).shape) == (2, 3)
        assert tuple(torch.FloatTensor(made.shape).shape) == (1, 2)


def test_what_scripts_and_compiles_returns_what_it_got() -> None:
    def double(x: weft.Tensor) -> weft.Tensor:
        return x * 2

    with alias() as torch:
        assert torch.compile(double) is double
        assert torch.compile(mode="max-autotune")(double) is double
        assert torch.jit.trace(double, weft.ones(1)) is double
        assert torch.compiler.disable(recursive=False)(double) is double
        assert torch.fx.wrap("double") == "double"


def test_code_of_repositories_is_not_run(tmp_path: Path) -> None:
    with alias() as torch:
        with pytest.raises(NotImplementedError, match="weft_hub"):
            torch.hub.load("pytorch/vision", "resnet18")
        with pytest.raises(FileNotFoundError, match=r"net\.pth is not at"):
            torch.hub.load_state_dict_from_url("https://example.org/net.pth", str(tmp_path))


def test_every_module_that_stands_in_can_be_imported_and_every_listed_name_be_found() -> None:
    from weft.compat.torch._places import OWN, PLACES

    with alias():
        for name, places in PLACES.items():
            module = importlib.import_module(name)
            for place in places:
                if not place.startswith("weft"):
                    own = importlib.import_module(OWN + place)
                    for entry in getattr(own, "__all__", ()):
                        assert hasattr(module, entry), f"{name}.{entry}"


@pytest.mark.parametrize("way", ["file", "module"])
def test_a_program_is_run_under_the_alias_from_the_command_line(tmp_path: Path, way: str) -> None:
    (tmp_path / "program.py").write_text(
        "import sys, torch\n"
        "assert __name__ == '__main__'\n"
        "print(torch.nn.Linear.__module__, sys.argv[1:])\n"
    )
    named = ["program.py"] if way == "file" else ["-m", "program"]
    run = subprocess.run(
        [sys.executable, "-m", "weft.compat.torch", *named, "--epochs", "3"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == "weft.nn.linear ['--epochs', '3']\n"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_are_started_afresh_are_under_the_alias_too(
    tmp_path: Path, method: str
) -> None:
    (tmp_path / "program.py").write_text(
        "import torch\n"
        "from torch.utils.data import DataLoader, Dataset\n"
        "class Squares(Dataset):\n"
        "    def __len__(self): return 6\n"
        "    def __getitem__(self, index): return torch.tensor(index) ** 2\n"
        "if __name__ == '__main__':\n"
        f"    how = {method!r}\n"
        "    loader = DataLoader(Squares(), 3, num_workers=2, multiprocessing_context=how)\n"
        "    print([batch.tolist() for batch in loader])\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "weft.compat.torch", "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stdout == "[[0, 1, 4], [9, 16, 25]]\n", run.stderr


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "weft.compat.torch", "absent.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr == "python -m weft.compat.torch: there is no file absent.py\n"


def test_a_function_goes_before_the_module_of_its_name() -> None:
    with alias():
        import torch
        from torch.autograd.gradcheck import gradcheck
        from torch.nn.utils.weight_norm import WeightNorm

        assert torch.nn.utils.weight_norm is weft.nn.utils.weight_norm
        assert torch.autograd.gradcheck is gradcheck
        layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
        assert [type(hook) for hook in layer._forward_pre_hooks.values()] == [WeightNorm]


def test_what_torchvision_does_on_its_import_works() -> None:
    """It registers rules of compiled ops, which weft lacks, and goes on without those ops."""
    with alias():
        import torch
        import torch._custom_ops
        import torch.library
        from torch import fx
        from torch._C import DisableTorchFunctionSubclass
        from torch.ao.quantization import DeQuantStub, QuantStub
        from torch.fx.graph_module import _CodeOnlyModule, _copy_attr
        from torch.hub import HASH_REGEX, _get_torch_home, get_dir
        from torch.jit.annotations import BroadcastingList2, List
        from torch.onnx import register_custom_op_symbolic, symbolic_opset11
        from torch.onnx.symbolic_helper import parse_args
        from torch.utils.model_zoo import tqdm

        @torch.library.register_fake("torchvision::nms")
        def shape(dets, scores, threshold):
            return dets

        keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU)
        keys = keys | torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCUDA)
        torch.library.Library("torchvision", "IMPL", "Meta").impl("nms", shape)
        torch.library.register_autograd("torchvision::roi_align", shape, setup_context=shape)
        register_custom_op_symbolic("torchvision::nms", parse_args("v", "v")(shape), 11)
        with pytest.raises(OSError, match=r"_C\.so is compiled against PyTorch"):
            torch.ops.load_library("_C.so")
        with pytest.raises(AttributeError, match=r"torch\.ops\.torchvision\.nms"):
            _ = torch.ops.torchvision.nms
        with DisableTorchFunctionSubclass(), tqdm(range(3), disable=True) as bar:
            assert list(bar) == [0, 1, 2]
        for refused in (QuantStub, DeQuantStub, fx.Tracer, _copy_attr):
            with pytest.raises(NotImplementedError, match="weft"):
                refused()

    assert issubclass(_CodeOnlyModule, weft.nn.Module)
    assert get_dir() == str(Path(_get_torch_home()) / "hub")
    assert HASH_REGEX.search("resnet18-f37072fd.pth").group(1) == "f37072fd"
    assert BroadcastingList2[int] == List[int] == list[int]
    assert symbolic_opset11 is not None


def test_checks_by_torchs_private_names_raise_what_they_say() -> None:
    with alias():
        import torch
        from torch.fx.experimental.symbolic_shapes import guard_or_false

    torch._check(True)
    torch._check_is_size(3, max=3)
    torch._check_tensor_all(torch.tensor([True, True]))
    assert guard_or_false(2 < 3) is True
    for call, error in [
        (lambda: torch._check(1 > 2, lambda: "one"), RuntimeError),
        (lambda: torch._check_with(KeyError, False, lambda: "one"), KeyError),
        (lambda: torch._check_index(False, lambda: "one"), IndexError),
        (lambda: torch._check_value(False, lambda: "one"), ValueError),
        (lambda: torch._check_type(False, lambda: "one"), TypeError),
        (lambda: torch._check_is_size(-1, lambda: "one"), RuntimeError),
        (lambda: torch._check_tensor_all(torch.tensor([True, False]), lambda: "one"), RuntimeError),
    ]:
        with pytest.raises(error, match="one"):
            call()


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13])
def test_an_associative_scan_is_what_a_loop_computes(length: int) -> None:
    with alias():
        from torch._higher_order_ops.associative_scan import associative_scan

    def later(left: tuple[weft.Tensor, ...], right: tuple[weft.Tensor, ...]) -> tuple[object, ...]:
        return left[0] * right[0], right[0] * left[1] + right[1]

    weft.manual_seed(length)
    kept = weft.rand(2, length, 3, dtype=weft.float64, requires_grad=True)
    added = weft.rand(2, length, 3, dtype=weft.float64)
    state, states = weft.zeros(2, 3, dtype=weft.float64), []
    for place in range(length):
        state = kept[:, place] * state + added[:, place]
        states.append(state)
    expected = weft.stack(states, 1)
    found = associative_scan(later, (kept, added), 1)[1]
    assert weft.allclose(found, expected)
    if length > 1:
        [got], [wanted] = (weft.autograd.grad(y.sin().sum(), [kept]) for y in (found, expected))
        assert weft.allclose(got, wanted)
    backwards = associative_scan(weft.add, added, 1, reverse=True)
    assert weft.allclose(backwards, added.flip(1).cumsum(1).flip(1))


def test_an_associative_scan_wants_one_length() -> None:
    with alias():
        from torch._higher_order_ops import associative_scan
    with pytest.raises(
        ValueError, match=r"one length along dim 1, got shapes \[\(2, 3\), \(2, 4\)\]"
    ):
        associative_scan(lambda a, b: a, (weft.ones(2, 3), weft.ones(2, 4)), 1)


def test_a_dirichlet_draw_by_torchs_private_name() -> None:
    with alias():
        import torch

        drawn = torch._sample_dirichlet(torch.tensor([[1.0, 2.0, 3.0]]))
        with pytest.raises(NotImplementedError, match="default generator"):
            torch._sample_dirichlet(torch.ones(2), torch.Generator())
    assert drawn.shape == (1, 3)
    assert abs(drawn.sum() - 1) < 1e-6


def test_a_rule_of_an_op_of_ones_own_is_registered() -> None:
    with alias():
        import torch

        @torch.library.custom_op("tests_alias::twice", mutates_args=())
        def twice(x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @torch.library.register_fake("tests_alias::twice")
        def _(x):
            return torch.empty_like(x)

        torch.library.register_autograd("tests_alias::twice", lambda ctx, g: g * 2)
        x = torch.ones(2, requires_grad=True)
        torch.ops.tests_alias.twice(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_name_that_is_imported_and_absent_has_the_nearest_one_too() -> None:
    with (
        alias(),
        pytest.raises(ImportError, match=r"no torch\.nn\.Linaer; did you mean 'Linear'\? Its"),
    ):
        exec("from torch.nn import Linaer", {})
