"""Arguments as other finders take them: the error says what stands here in place of each."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

OF_A_CALL = {
    "find(lr_start=1e-6)": "start_lr min_lr start_learning_rate",
    "find(lr_end=10)": "end_lr max_lr end_learning_rate",
    "find(count=100)": "num_iter num_iters num_it num_training num_batches num_steps n_iter steps",
    "find(max_iterations=100), or suggest(epochs=3)": "max_epochs num_epochs n_epochs",
    "find(rates=lrfinder.linear(0.001, 1, 100)), for even steps": "step_mode mode",
    "find(), which records raw losses, and pictures that smooth them": "smooth_f beta sma",
    "find(stopping=f), where f(loss) is True to end": "diverge_th early_stop_threshold stop_div stop_factor",
    "lrfinder.Validated(learner, mean_loss(model, loss_fn, val_loader))": "val_loader val_dataloaders validation_data",
    "result[10:-5], a part of the curve": "skip_start skip_end skip_begin",
    'result.plot().set_xscale("linear")': "log_lr",
    "result.plot().axvline(0.1)": "show_lr",
    "result.plot(suggestion=False)": "suggest_lr display_suggestion steepest_lr",
    "result.plot(rules=[rules.valley, rules.slide])": "suggest_funcs suggestions",
    "result.plot()": "show_plot plot_lr_finder",
    'LightningLearner(...).suggest(attr_name="lr")': "update_attr attr_name",
}
OF_A_LEARNER = {
    "TorchLearner(model, optimizer, loss_fn, loader)": (
        "model optimizer optim criterion loss loss_func train_loader train_dl train_dataloaders dataloader"
    ),
    "model.to(device), before the optimizer is created": "device",
    "TorchLearner(..., accumulate=4)": "accumulation_steps accumulate_grad_batches gradient_accumulation_steps",
    "TorchLearner(..., clip=1.0)": "gradient_clip gradient_clip_val grad_clip max_grad_norm clip_grad",
    "TorchLearner(..., autocast=torch.float16, scaler=scaler)": "amp amp_backend amp_config grad_scaler precision",
    "TorchLearner(..., snapshot_dir=folder)": "memory_cache cache_dir",
    "TorchLearner(..., stateful=[ema])": "to_save",
}
ANSWERS = {name: here for here, names in (OF_A_CALL | OF_A_LEARNER).items() for name in names.split()}
"""By the name of an argument of another finder: the line that takes its place."""

OTHER_LEARNERS = ("lrfinder.jax", "lrfinder.keras", "lrfinder.gluon", "lrfinder.trainers")  # they answer for themselves
PARTS = {
    "LRFinder": " A learner holds model, optimizer and data: LRFinder(TorchLearner(model, optimizer, loss_fn, loader)).",
    "KerasLearner": " Arrays are one argument: KerasLearner(model, (x, y), batch_size=64).",
}


def names_explained(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Return the function with a ``TypeError`` that helps where an argument is not one of its own; its signature stays."""
    parameters = inspect.signature(function).parameters.values()
    names = [parameter.name for parameter in parameters]
    by_position = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    hidden = len(names) - len(_own(names))
    called = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        check_names(called, kwargs, names, {} if function.__module__.startswith(OTHER_LEARNERS) else ANSWERS)
        if len(args) > len(by_position):
            count, allowed = len(args) - hidden, ", ".join(_own(by_position))
            message = f"{called}({allowed}) got {count} arguments by position.{PARTS.get(called, '')}"
            raise TypeError(message)
        return function(*args, **kwargs)

    return call


def check_names(called: str, keywords: Iterable[str], names: list[str], answers: Mapping[str, str] = ANSWERS) -> None:
    """Require keyword arguments of known names.

    Raises:
        TypeError: one has another name; the message says what stands here in its place.
    """
    for name in keywords:
        if name not in names:
            message = f"{called}() got an unexpected keyword argument {name!r}. {_hint(answers.get(name), name, names)}"
            raise TypeError(message)


def _hint(answer: str | None, name: str, names: list[str]) -> str:
    if answer is not None:
        return f"Here it is {answer}."
    from difflib import get_close_matches  # imported only for a mistake

    close = get_close_matches(name, names, n=1, cutoff=0.7)
    return f"Did you mean {close[0]!r}?" if close else f"It has {', '.join(_own(names))}."


def _own(names: list[str]) -> list[str]:
    return [name for name in names if name not in {"self", "cls"}]
