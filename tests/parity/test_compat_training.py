"""Trainers, adapters, metrics and diffusion by others: one program, run on PyTorch and on weft."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weft.compat.torch import alias

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 1e-5
State = dict[str, np.ndarray]
#: Runs under whichever ``torch`` there is: what was computed, from the weights if they are given.
Program = Callable[[Any, State, Path], list[Any]]

_random = np.random.default_rng(0)
_POINTS = _random.standard_normal((40, 4)).astype(np.float32)
_VALUES = _random.standard_normal((40, 2)).astype(np.float32)
_WORDS = _random.integers(0, 50, (2, 9))
_IMAGES = _random.random((2, 3, 32, 32)).astype(np.float32)
_NOISE = _random.standard_normal((2, 3, 16, 16)).astype(np.float32)
_LLAMA = {
    "vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "num_key_value_heads": 2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Keep the packages' advice about hardware and loggers out of the output."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def share(library: Any, model: Any, state: State) -> None:
    """Give the second run the weights of the first."""
    if not state:
        state.update({name: one.numpy().copy() for name, one in model.state_dict().items()})
    model.load_state_dict({name: library.tensor(one) for name, one in state.items()})


def batches(library: Any) -> Any:
    """Return a loader of points and values, in order."""
    data = library.utils.data
    points = data.TensorDataset(library.tensor(_POINTS), library.tensor(_VALUES))
    return data.DataLoader(points, batch_size=8)


def lightning(library: Any, state: State, folder: Path) -> list[Any]:
    """Fit a module by Lightning's trainer, with a checkpoint."""
    import pytorch_lightning

    class Line(pytorch_lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = library.nn.Linear(4, 2)
            self.losses: list[Any] = []

        def training_step(self, batch: Any, number: int) -> Any:
            loss = library.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.losses.append(loss.item())
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            optimizer = library.optim.Adam(self.parameters(), lr=0.1)
            return [optimizer], [library.optim.lr_scheduler.StepLR(optimizer, 1)]

    model = Line()
    share(library, model, state)
    trainer = pytorch_lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_checkpointing=False, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(model, batches(library))
    trainer.save_checkpoint(folder / "line.ckpt")
    again = Line.load_from_checkpoint(folder / "line.ckpt")
    assert again.layer.weight.tolist() == model.layer.weight.tolist()
    return [model.losses, model.layer.weight.detach().numpy()]


def hugging_face(library: Any, state: State, folder: Path) -> list[Any]:
    """Train a classifier by transformers' trainer."""
    import transformers

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *given: Any) -> Any:
            return library.utils.data.SequentialSampler(rows)

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=64, num_labels=2, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    share(library, model, state)
    rows = [{"input_ids": library.tensor(_WORDS[i % 2]), "labels": i % 2} for i in range(16)]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), num_train_epochs=1, per_device_train_batch_size=4, use_cpu=True,
        gradient_accumulation_steps=2, report_to=[], save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    InOrder(model=model, args=arguments, train_dataset=rows).train()
    return [one.detach().numpy() for _, one in sorted(model.named_parameters())]


def accelerated(library: Any, state: State, folder: Path) -> list[Any]:
    """Take the steps of a loop that accelerate prepared."""
    import accelerate

    accelerator = accelerate.Accelerator(cpu=True)
    model = library.nn.Linear(4, 2)
    share(library, model, state)
    optimizer = library.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, batches(library))
    losses = []
    for points, values in loader:
        loss = library.nn.functional.mse_loss(model(points), values)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return [losses, model.weight.detach().numpy()]


def adapters(library: Any, state: State, folder: Path) -> list[Any]:
    """Tune low-rank adapters of a language model by PEFT."""
    import peft
    import transformers

    model = peft.get_peft_model(
        transformers.LlamaForCausalLM(transformers.LlamaConfig(**_LLAMA)),
        peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], lora_alpha=8),
    )
    share(library, model, state)
    tuned = [one for one in model.parameters() if one.requires_grad]
    optimizer = library.optim.AdamW(tuned, lr=1e-2)
    words, losses = library.tensor(_WORDS), []
    for _ in range(5):
        loss = model(input_ids=words, labels=words).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [losses, *(one.detach().numpy() for one in tuned)]


def metrics(library: Any, state: State, folder: Path) -> list[Any]:
    """Measure by torchmetrics, in two updates."""
    import torchmetrics
    from torchmetrics.image import StructuralSimilarityIndexMeasure

    classes = {"task": "multiclass", "num_classes": 2}
    odds = library.tensor(_VALUES).softmax(1)
    truth = (library.tensor(_POINTS)[:, 0] > 0).long()
    found = []
    for metric in (
        torchmetrics.Accuracy(**classes), torchmetrics.F1Score(**classes, average="macro"),
        torchmetrics.AUROC(**classes), torchmetrics.AveragePrecision(**classes),
        torchmetrics.ConfusionMatrix(**classes), torchmetrics.CalibrationError(**classes),
    ):  # fmt: skip
        metric.update(odds[:30], truth[:30])
        metric.update(odds[30:], truth[30:])
        found.append(metric.compute().numpy())
    for metric in (torchmetrics.R2Score(), torchmetrics.SpearmanCorrCoef()):
        metric.update(library.tensor(_POINTS[:, 0].copy()), library.tensor(_VALUES[:, 0].copy()))
        found.append(metric.compute().numpy())
    likeness = StructuralSimilarityIndexMeasure(data_range=1.0)
    likeness.update(library.tensor(_IMAGES), library.tensor(_IMAGES[::-1].copy()))
    return [*found, likeness.compute().numpy()]


def diffusion(library: Any, state: State, folder: Path) -> list[Any]:
    """Denoise by a U-Net of diffusers and four of its samplers."""
    import diffusers

    model = diffusers.UNet2DModel(
        sample_size=16, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), attention_head_dim=4,
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ).eval()  # fmt: skip
    share(library, model, state)
    found = []
    for sampler in (
        diffusers.DDIMScheduler(), diffusers.EulerDiscreteScheduler(),
        diffusers.DPMSolverMultistepScheduler(), diffusers.UniPCMultistepScheduler(),
    ):  # fmt: skip
        sampler.set_timesteps(3)
        sample = library.tensor(_NOISE) * sampler.init_noise_sigma
        for step in sampler.timesteps:
            with library.no_grad():
                noise = model(sampler.scale_model_input(sample, step), step).sample
            sample = sampler.step(noise, step, sample, return_dict=False)[0]
        found.append(sample.numpy())
    return found


@pytest.mark.parametrize(
    "program", [lightning, hugging_face, accelerated, adapters, metrics, diffusion]
)
def test_a_program_computes_the_same_on_weft(program: Program, tmp_path: Path) -> None:
    state: State = {}
    torch.manual_seed(0)
    expected = program(torch, state, tmp_path / "torch")
    with alias() as weft_as_torch:
        got = program(weft_as_torch, state, tmp_path / "weft")
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        scale = max(float(np.abs(other).max()), 1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * scale)
