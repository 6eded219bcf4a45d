"""Cases for the proof: trainings as plain data, whose ``repr`` is the code that builds them."""

import dataclasses


@dataclasses.dataclass(frozen=True, repr=False)
class Case:
    """A training and the point at which the finder runs; values are keys of the tables in the other ``proof_`` modules."""

    net: str = "linear"
    optimizer: str = "SGD"
    settings: tuple = ()  # of the optimizer: pairs of name and value
    groups: str = "one"
    scheduler: str = "none"
    precision: str = "float32"
    accumulate: int = 1
    clip: str = "no"
    loss: str = "none"  # what state the loss function has
    given: str = "method"  # how the learner gets loss or step
    stateful: str = "none"  # the environment that is named as stateful, besides a counter
    average: str = "none"
    compiled: str = "no"
    feed: str = "list"
    container: str = "pair"  # of a batch
    use: str = "reads"  # what the step does to a batch
    moment: str = "fresh"
    mode: str = "training"
    form: str = "class"  # TorchLearner(...), or "step": TorchLearner.from_step with the step of the script
    hooks: bool = False
    what: tuple = ("find",)
    on_disk: bool = False  # the snapshots
    close: bool = True  # False: the learner is released without close()
    device: str = "cpu"
    seed: int = 0

    def __repr__(self):
        given = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"Case({', '.join(given)})"
