"""Random generators: a seed and a count of what was drawn, over one counter-based function.

A generator is three numbers: the seed, which is Philox's key; the stream, the upper half of its
counter; and the offset, the lower half, which counts what was drawn. Generators of one seed with
different streams never draw the same block, however long they run: that is how workers get
numbers of their own from one seed.
"""

from __future__ import annotations

import itertools
import operator
import os
import threading
from typing import Any, SupportsIndex

from weft._backend import np, xp
from weft._backend.cpu.launching import Launcher
from weft._core import philox
from weft._core.tensor import Tensor, wrap

_MASK = 0xFFFFFFFFFFFFFFFF
_kernels = Launcher("dropout")
_small_draws = itertools.count(1).__next__


def worth_a_kernel(count: int) -> bool:
    """Whether to load kernels for so many words, which are the same, if they are not loaded yet.

    One small draw does not wait for it; who makes many would wait longer for NumPy.
    """
    return count >= 256 or "words" in vars(_kernels) or _small_draws() > 16


def _fresh_seed() -> int:
    """Return 63 random bits of the system's; ``secrets`` would import all of ``hashlib`` for it."""
    return int.from_bytes(os.urandom(8), "little") >> 1


class Generator:
    """A stream of random numbers; the same seed gives the same stream on every backend.

    Args:
        device: taken for PyTorch's callers: the numbers depend on no device. An int here is the
            seed.
        seed: 64 bits; drawn from the system if None, where PyTorch takes a fixed one.
    """

    __slots__ = ("_lock", "_offset", "_seed", "_stream", "device")

    def __init__(self, device: Any = None, *, seed: int | None = None) -> None:
        if isinstance(device, int):
            device, seed = None, device
        self._lock = threading.Lock()
        self._stream = 0
        self.device = "cpu" if device is None else str(device)
        self.manual_seed(_fresh_seed() if seed is None else seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of a seed over; return self.

        Args:
            seed: an int, of which the lowest 64 bits count.
        """
        if not isinstance(seed, SupportsIndex) or isinstance(seed, bool):
            raise TypeError(f"manual_seed: expected an int, got {type(seed).__name__} {seed!r}")
        self._seed, self._offset = operator.index(seed) & _MASK, 0
        return self

    def seed(self) -> int:
        """Take a new seed from the system and return it."""
        seed = _fresh_seed()
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """Return the seed in use."""
        return self._seed

    def get_state(self) -> Tensor:
        """Return all that determines what is drawn next: a uint8 tensor, to keep and to save."""
        state = np.array([self._seed, self._stream, self._offset], "<u8")
        return wrap(state.view(np.uint8))

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that ``get_state`` returned; return self.

        Raises:
            ValueError: it is no such state.
        """
        data = getattr(new_state, "_data", None)
        if data is None or getattr(data, "nbytes", 0) != 24 or data.dtype != np.uint8:
            raise ValueError(
                f"set_state: expected the uint8 tensor of 24 bytes that get_state returns, got "
                f"{new_state!r:.80}"
            )
        parts = np.ascontiguousarray(data).view("<u8").tolist()
        self._seed, self._stream, self._offset = parts
        return self

    def clone_state(self) -> Generator:
        """Return a new generator that goes on from where this one is."""
        return Generator(self.device).set_state(self.get_state())

    graphsafe_get_state = clone_state

    def graphsafe_set_state(self, state: Generator) -> Generator:
        """Go on from where another generator is; return self."""
        return self.set_state(state.get_state())

    def split(self, index: int) -> Generator:
        """Return the generator of a worker: same seed, a stream that never meets this one.

        Args:
            index: the worker's number, from 0.
        """
        child = Generator(self.device, seed=self._seed)
        child._stream = (self._stream * 0x9E3779B97F4A7C15 + index + 1) & _MASK
        return child

    def spawn(self, count: int) -> list[Generator]:
        """Return the generators of so many workers, as ``split(0)``, ``split(1)``, ... would."""
        return [self.split(index) for index in range(count)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.device, self._seed, self._stream, self._offset)

    def __deepcopy__(self, memo: dict[int, Any]) -> Generator:
        return self.clone_state()

    def __repr__(self) -> str:
        return f"<weft.Generator seed={self._seed} stream={self._stream} offset={self._offset}>"

    def key(self, count: int) -> tuple[int, int, int]:
        """Take the next random 32-bit words; return seed, stream and offset, which tell them."""
        with self._lock:
            offset = self._offset
            self._offset = (offset + -(-count // 4)) & _MASK
        return self._seed, self._stream, offset

    def words(self, count: int) -> Any:
        """Return the next random 32-bit words, a uint32 array (count,)."""
        return words_at(self.key(count), count)


def words_at(key: tuple[int, int, int], count: int) -> Any:
    """Return the random words that :meth:`Generator.key` told of, a uint32 array (count,)."""
    seed, stream, offset = key
    if _kernels and worth_a_kernel(count):
        drawn = _kernels.words(seed, offset, count, stream)
        if drawn is not None:
            return drawn
    return philox.words(xp, seed, offset, count, stream)


def _restored(device: str, seed: int, stream: int, offset: int) -> Generator:
    out = Generator(device, seed=seed)
    out._stream, out._offset = stream, offset
    return out


default_generator = Generator()


def seed() -> int:
    """Seed the default generator from the system; return the seed."""
    return default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator: the one call that makes a program repeatable.

    Args:
        seed: 64 bits.

    Returns:
        Generator: the default generator.
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """Return the default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the default generator's state, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state to one that ``get_rng_state`` returned."""
    default_generator.set_state(new_state)
