"""Small data in the files' own formats, and a way to run an example as its reader does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests import what the examples import: their folder is a program's first place."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture
def run_example(tmp_path: Path) -> Callable[..., str]:
    """Run a program of examples/ in a process of its own and return what it printed."""

    def run(program: str, *words: object, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / program, *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like MiniLM's, with a small encoder that was never trained."""
    import weft

    sizes = {
        "vocab_size": 40,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 48,
        "max_position_embeddings": 32,
    }
    folder = tmp_path_factory.mktemp("small-bert")
    (folder / "config.json").write_text(json.dumps(sizes), encoding="utf-8")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"a man plays the guitar ##s . rain".split()]
    pieces += [f"[unused{i}]" for i in range(40 - len(pieces))]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        from bert import Bert, Config

        weft.manual_seed(0)
        model = Bert(Config.from_file(folder / "config.json"))
        weft.io.save_safetensors(model.state_dict(), folder / "model.safetensors")
    return folder
