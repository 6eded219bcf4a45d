"""A range test of a small Equinox language model on tinyshakespeare, and an optax schedule from its suggestion.

    python examples/shakespeare_jax.py --text FILE --out shakespeare

Characters, a context of 64, two transformer blocks of width 64, AdamW: about 0.1 million parameters. FILE is the text,
``input.txt``. ``--iterations`` is the length of the training that follows.

As a factory for the command line:  lrfinder find examples/shakespeare_jax.py:shakespeare_learner -o curve.png
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

import lrfinder
from lrfinder.jax import OptaxLearner, schedules
from lrfinder.views.describe import verdict

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
TEXT = Path(os.environ.get("LRFINDER_DATA", BESIDE)) / "tinyshakespeare" / "input.txt"
CONTEXT, WIDTH, HEADS, BATCH = 64, 64, 4, 32


class Block(eqx.Module):
    """Causal attention and a two-layer net, each after layer normalization and around an identity."""

    norm1: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    norm2: eqx.nn.LayerNorm
    mlp: eqx.nn.MLP

    def __init__(self, key: jax.Array) -> None:
        keys = jax.random.split(key, 2)
        self.norm1, self.norm2 = eqx.nn.LayerNorm(WIDTH), eqx.nn.LayerNorm(WIDTH)
        self.attention = eqx.nn.MultiheadAttention(HEADS, WIDTH, key=keys[0])
        self.mlp = eqx.nn.MLP(WIDTH, WIDTH, 4 * WIDTH, depth=1, activation=jax.nn.gelu, key=keys[1])

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (context, WIDTH) to the same shape."""
        now = jax.vmap(self.norm1)(x)
        x = x + self.attention(now, now, now, mask=jnp.tri(len(x), dtype=bool))
        return x + jax.vmap(self.mlp)(jax.vmap(self.norm2)(x))


class LanguageModel(eqx.Module):
    """A model of the next character, with logits at each position."""

    embedding: eqx.nn.Embedding
    positions: jax.Array
    blocks: list[Block]
    norm: eqx.nn.LayerNorm
    head: eqx.nn.Linear

    def __init__(self, characters: int, key: jax.Array) -> None:
        keys = jax.random.split(key, 5)
        self.embedding = eqx.nn.Embedding(characters, WIDTH, key=keys[0])
        self.positions = 0.02 * jax.random.normal(keys[1], (CONTEXT, WIDTH))
        self.blocks = [Block(keys[2]), Block(keys[3])]
        self.norm = eqx.nn.LayerNorm(WIDTH)
        self.head = eqx.nn.Linear(WIDTH, characters, key=keys[4])

    def __call__(self, text: jax.Array) -> jax.Array:
        """Map (CONTEXT,) characters to (CONTEXT, characters)."""
        x = jax.vmap(self.embedding)(text) + self.positions
        for block in self.blocks:
            x = block(x)
        return jax.vmap(self.head)(jax.vmap(self.norm)(x))


class Windows:
    """Endless batches of random windows of a text, shape (BATCH, CONTEXT + 1)."""

    def __init__(self, text: np.ndarray, seed: int) -> None:
        self.text = text
        self.generator = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            starts = self.generator.integers(len(self.text) - CONTEXT, size=BATCH)
            yield self.text[starts[:, None] + np.arange(CONTEXT + 1)]


def shakespeare_learner(path: Path = TEXT, seed: int = 0) -> OptaxLearner:
    """Return the learner. The arrays of an Equinox model are its parameters; the loss combines them with the rest."""
    if not path.is_file():
        message = f"{path} is not a file; give --text the text of tinyshakespeare, input.txt."
        raise SystemExit(message)
    characters, text = np.unique(np.array(list(path.read_text())), return_inverse=True)
    params, rest = eqx.partition(LanguageModel(len(characters), jax.random.key(seed)), eqx.is_inexact_array)

    def loss_fn(params: Any, windows: jax.Array) -> jax.Array:
        logits = jax.vmap(eqx.combine(params, rest))(windows[:, :-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, windows[:, 1:]).mean()

    return OptaxLearner(loss_fn, params, optax.adamw, Windows(text.astype(np.int32), seed))


def main() -> None:
    """Run the range test, then a training along a one-cycle schedule up to the suggested rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--out", type=Path, default=Path("shakespeare"))
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    learner = shakespeare_learner(options.text, options.seed)
    result = lrfinder.LRFinder(learner).find()
    result.to_json(options.out / "range-test.json")
    result.plot().figure.savefig(options.out / "range-test.png")
    Console().print(verdict(result), markup=False)

    schedule = schedules.one_cycle(result.suggestion, options.iterations)
    losses = list(learner.iterations([float(schedule(k)) for k in range(options.iterations)]))
    print(f"mean loss of the last tenth of {len(losses)} iterations: {np.mean(losses[-len(losses) // 10 :]):.3f}")


if __name__ == "__main__":
    main()
