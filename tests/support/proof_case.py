"""A training to try the finder on, as plain data: its repr makes it again."""

import dataclasses


@dataclasses.dataclass(frozen=True, repr=False)
class Case:
    """What is trained, by what, on what, and where the finder is put. The names are those of the tables beside this file."""

    net: str = "linear"
    optimizer: str = "SGD"
    settings: tuple = ()  # of the optimizer: pairs of name and value
    groups: str = "one"
    scheduler: str = "none"
    precision: str = "float32"
    accumulate: int = 1
    clip: bool = False
    average: str = "none"
    compiled: str = "no"
    feed: str = "list"
    moment: str = "fresh"
    mode: str = "training"
    form: str = "class"  # the learner's constructor, or "step": TorchLearner.from_step of the script's own step
    hooks: bool = False
    what: tuple = ("find",)
    close: bool = True  # or the learner is dropped, and never closed
    device: str = "cpu"
    seed: int = 0

    def __repr__(self):
        told = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"Case({', '.join(told)})"
