"""Byte pairs against the library tokenizers, on vocabularies that it trained."""

from __future__ import annotations

import json
import random

import pytest

from weft.text import BytePairs
from weft.text.byte_pairs import words

tokenizers = pytest.importorskip("tokenizers", reason="the reference; `nox -s parity` installs it")

CORPUS = [
    "a man plays the guitar. It's 12 o'clock, they've 3 dogs and they'll play in the rain",
    "über Éa 東京 man's playing — guitars!!  \n\n rain\t raining '' 's 'S",
] * 20
SIGNS = list("aemnplyrit  '\n\t.,!?123sdlv") + list("éüÉ東京½²Ⅷ٣\u200b\u0300\u00a0\u2028\u1680")
SIGNS += list("\x1c\x85\x00_-—😀ªǅʰ")
MARKS = ["<s>", "<pad>", "</s>", "<unk>"]


@pytest.mark.parametrize("spaced", [False, True])
def test_random_texts_have_the_ids_of_the_library(spaced: bool) -> None:
    before = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = before
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=450,
        special_tokens=MARKS,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(CORPUS, trainer)
    model = json.loads(theirs.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    pairs = [one.split(" ") if isinstance(one, str) else one for one in model["merges"]]
    ours = BytePairs(pieces, [(left, right) for left, right in pairs], spaced=spaced)
    draw = random.Random(1)
    ranges = [range(0x20, 0x300), range(0x300, 0xD800), range(0xE000, 0x20000)]
    for turn in range(3000):
        if turn % 3:
            text = "".join(draw.choice(SIGNS) for _ in range(draw.randint(1, 30)))
        else:
            text = "".join(chr(draw.choice(draw.choice(ranges))) for _ in range(12))
        assert "".join(words(text)) == text
        assert ours.encode(text, 10_000)[1:-1] == theirs.encode(text).ids, repr(text)
