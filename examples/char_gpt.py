"""A small GPT that learns to write, character by character.

    python examples/char_gpt.py                      # trains on weft, then writes a sample
    python examples/char_gpt.py --text my_book.txt   # on a text of your own
    python examples/char_gpt.py --compare            # on weft, then on PyTorch

The text is that of FreeBSD's fortunes (BSD licence), which come from a package of pip: two million
characters of sayings. The network is a transformer that looks backward only, with the norm before
each branch: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import experiment
from experiment.datasets import text

lib = experiment.library()  # your own program would say: import weft as lib
nn, F = lib.nn, lib.nn.functional


class Passages:
    """Passages of a text, and the same shifted by one: (batch, context) int64 each.

    An epoch parts the text into passages that do not overlap; each begins somewhere else.
    """

    def __init__(self, codes: np.ndarray[Any, Any], context: int) -> None:
        self.codes, self.context = codes, context

    def __len__(self) -> int:
        return (len(self.codes) - 1) // self.context - 1

    def __getitem__(self, place: experiment.Place) -> tuple[Any, Any]:
        offset = place.epoch * 37 % self.context
        starts = place.samples[:, None] * self.context + offset
        passages = self.codes[starts + np.arange(self.context + 1)]
        return passages[:, :-1], passages[:, 1:]


class Attention(nn.Module):
    """Each character attends to those before it and to itself, in several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Any) -> Any:
        batch, time, width = x.shape
        parts = self.queries_keys_values(x).view(batch, time, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (batch, heads, time, ...)
        joined = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(joined.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    """Attention and a network for each place, each normalised before and added after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.inner = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.inner(self.norm2(x))


class GPT(nn.Module):
    """Characters to the scores of the next one: (batch, time) to (batch, time, characters)."""

    def __init__(
        self, characters: int, context: int, width: int = 128, layers: int = 4, heads: int = 4
    ) -> None:
        super().__init__()
        self.context = context
        self.characters = nn.Embedding(characters, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.apply(initialise)

    def forward(self, codes: Any) -> Any:
        x = self.characters(codes) + self.places.weight[: codes.shape[1]]
        # What a character is put in as is also what it is recognised by.
        return F.linear(self.norm(self.blocks(x)), self.characters.weight)


def initialise(module: Any) -> None:
    """Draw small weights, as GPT-2's were."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def bits_per_character(model: Any, passages: Passages, most: int = 64) -> float:
    """Return the model's surprise at passages that it has not seen, in bits a character."""
    samples = np.arange(min(most, len(passages)))
    codes, following = (lib.from_numpy(a) for a in passages[experiment.Place(0, 0, samples)])
    with lib.no_grad():
        loss = F.cross_entropy(model(codes).flatten(0, 1), following.flatten())
    return float(loss) / math.log(2)


def write(model: Any, codes: list[int], count: int, warmth: float = 0.8) -> list[int]:
    """Go on writing after ``codes``, drawing each character by the model's probabilities."""
    written = lib.tensor([codes])
    with lib.no_grad():
        for _ in range(count):
            scores = model(written[:, -model.context :])[:, -1] / warmth
            drawn = lib.multinomial(scores.softmax(-1), 1)
            written = lib.cat([written, drawn], 1)
    return [int(code) for code in written[0, len(codes) :]]


def main() -> None:
    """Train, and let it write after each epoch."""
    options = experiment.command_line(
        __doc__,
        epochs=3,
        batch_size=32,
        lr=2e-3,
        compares=True,
        more=(
            ("--text", Path, None, "file to learn from, instead of the fortunes"),
            ("--context", int, 128, "characters that the model looks back on"),
            ("--width", int, 128, "numbers that stand for a character"),
            ("--layers", int, 4, "blocks of the network"),
        ),
    )
    learned = text(options.text or options.data, options.limit)
    alphabet = sorted(set(learned))
    number = {character: code for code, character in enumerate(alphabet)}
    codes = np.array([number[character] for character in learned], np.int64)
    held_back = max(len(codes) // 20, 2 * options.context + 2)
    train = Passages(codes[:-held_back], options.context)
    test = Passages(codes[-held_back:], options.context)

    lib.manual_seed(options.seed)
    model = GPT(len(alphabet), options.context, options.width, options.layers)
    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = lib.optim.AdamW(
        model.parameters(), lr=options.lr, betas=(0.9, 0.99), weight_decay=0.1
    )
    scheduler = lib.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * order.steps, pct_start=0.1
    )
    run = experiment.Run(lib, options, model=model, optimizer=optimizer, scheduler=scheduler)
    print(f"{len(learned)} characters of {len(alphabet)} kinds")

    for _ in run.epochs():
        for given, following in run.steps(
            experiment.loader(lib, train, run.order(order), options.workers)
        ):
            loss = F.cross_entropy(model(given).flatten(0, 1), following.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            run.note(loss=loss.item())
        run.note_epoch(bits_per_character=bits_per_character(model, test))
        sample = write(model, [number["\n"]], 300)
        print("".join(alphabet[code] for code in sample), flush=True)
    run.finish("bits_per_character")


if __name__ == "__main__":
    experiment.program(main)
