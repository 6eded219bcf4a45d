"""Facts about a training that help to read its curve."""

from __future__ import annotations

from dataclasses import dataclass

ADAPTIVE = ("adam", "nadam", "radam", "adamax", "adamw", "adabelief", "lamb", "rmsprop", "rms", "adafactor", "adabound")
SIGN = ("lion", "sign", "signum", "signsgd", "tiger")


@dataclass(frozen=True)
class TrainingFacts:
    """The facts that a learner knows about its training.

    Attributes:
        optimizer: the family of its optimizer: ``"sgd"``, ``"momentum"``, ``"adaptive"`` (Adam, RMSprop and the like),
            ``"sign"`` (Lion and the like) or ``"adagrad"``; ``None`` for others.
        batch_size: the number of examples in an update; ``None`` where it is not known.
        trained: whether the optimizer has made updates before.
    """

    optimizer: str | None = None
    batch_size: int | None = None
    trained: bool = False


def optimizer_family(name: str, *, momentum: bool = False) -> str | None:
    """Return the family of an optimizer: ``"sgd"``, ``"momentum"``, ``"adaptive"``, ``"sign"`` or ``"adagrad"``.

    Optimizers of one family are good at rates of one size. ``None`` stands for all others.

    Args:
        name: the name of its class, in any spelling; a suffix such as ``8bit`` does not count.
        momentum: whether a plain gradient descent has momentum.
    """
    plain = name.lower().replace("_", "").split("8bit")[0].split("4bit")[0]
    if plain in {"sgd", "nag"}:
        return "momentum" if momentum or plain == "nag" else "sgd"
    families = {**dict.fromkeys(ADAPTIVE, "adaptive"), **dict.fromkeys(SIGN, "sign"), "adagrad": "adagrad"}
    return families.get(plain)
