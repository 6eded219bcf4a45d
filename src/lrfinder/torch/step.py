"""The training step of most scripts: forward, backward, clipping, optimizer step, in the usual order."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsFloat
from weakref import WeakSet

import torch
from torch import Tensor, nn

from lrfinder._arguments import function, given
from lrfinder.errors import LossError, LRFinderWarning, ModelError, OptimizerError
from lrfinder.torch._arguments import check_optimizer
from lrfinder.torch._randomness import DrawWatch
from lrfinder.torch.batches import device_of, input_and_target

if TYPE_CHECKING:
    from torch.optim import Optimizer

MODES_MATTER = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
)
_warned: WeakSet[nn.Module] = WeakSet()  # models whose modes were named
_MAX_OVERFLOWS = 16  # a scaler starts at 2**16 and halves; after as many overflows its scale is not the reason

MAX_SKIPPED = 100
"""The most batches in a row for which a step may return None: those that have nothing to train on."""

_SAY_WHICH = (
    "To say what the loss is, give a function: TorchLearner(model, optimizer, None, data, forward=forward), where "
    "forward(model, batch) returns it."
)

Loss = Tensor | float
"""A loss that later steps cannot overwrite: a float, or a detached tensor where reading it would stop a device."""


Step = Callable[[Callable[[], Any]], Loss]
"""One update: it draws as many batches as it needs, trains, and returns the mean of their losses before the update."""


@dataclass(eq=False, repr=False)
class SupervisedStep:
    """One update of ``model`` by ``optimizer``; see :class:`lrfinder.torch.TorchLearner` for the arguments."""

    model: nn.Module
    optimizer: Optimizer
    forward: Callable[[nn.Module, Any], Tensor]
    _: KW_ONLY
    autocast: torch.dtype | None
    scaler: torch.amp.GradScaler | None
    accumulate: int
    clip: Callable[[list[nn.Parameter]], object] | None

    def __post_init__(self) -> None:
        self._device = device_of([self.model])
        self.needs_closure = _needs_closure(self.optimizer)
        self._draws_late: bool | None = None  # unknown before the first update
        self._own_loss = detached_copy if self.needs_closure else own_loss  # a closure returns a tensor to its optimizer
        if self.needs_closure and self.scaler is not None:
            name = type(self.optimizer).__name__
            message = f"{name} needs a closure, which a GradScaler cannot step; give one of the two."
            raise OptimizerError(message)

    def __call__(self, draw: Callable[[], Any]) -> Loss:
        """Draw, train, and return the loss."""
        if not self.model.training:
            _leave_evaluation_mode(self.model)
        return self._update(draw) if self._draws_late is not None else self._first_update(draw)

    @property
    def is_forward_enough(self) -> bool:
        """``True`` if forwards alone give the losses of updates at the rate 0: they draw all random numbers."""
        return self._draws_late is False and self.scaler is None and not self.needs_closure

    def loss_alone(self, draw: Callable[[], Any]) -> Loss:
        """Draw, and return the loss without an update. Autograd records the forward as usual, so that it is the same."""
        if not self.model.training:
            _leave_evaluation_mode(self.model)
        if self.accumulate == 1:
            return own_loss(self._loss(draw()))
        return sum(own_loss(self._loss(draw())) for _ in range(self.accumulate)) / self.accumulate

    def _first_update(self, draw: Callable[[], Any]) -> Loss:
        """Update, and note whether backward, clipping or optimizer draw from the global generators."""
        forward, watch = self.forward, DrawWatch()

        def watched_forward(model: nn.Module, batch: Any) -> Tensor:
            loss = forward(model, batch)
            watch.begin()
            return loss

        def watched_draw() -> Any:
            watch.end()
            return draw()

        self.forward = watched_forward
        try:
            watch.begin()
            loss = self._update(watched_draw)
            watch.end()
        finally:
            self.forward = forward
        self._draws_late = watch.has_drawn
        return loss

    def _update(self, draw: Callable[[], Any]) -> Loss:
        if self.needs_closure:
            return self._step_with_closure([draw() for _ in range(self.accumulate)])
        if self.scaler is not None:
            return self._step_with_scaler(draw, self.scaler)
        loss = self._compute_gradients(draw)
        self._clip_gradients()
        self.optimizer.step()
        return loss

    def _compute_gradients(self, draw: Callable[[], Any]) -> Loss:
        """Return the mean loss of the batches."""
        self.optimizer.zero_grad()
        if self.accumulate == 1:
            return self._backward(draw())
        return sum(self._backward(draw()) for _ in range(self.accumulate)) / self.accumulate

    def _loss(self, batch: Any) -> Tensor:
        if self.autocast is None:
            return check_loss(self.forward(self.model, batch))
        with torch.autocast(self._device.type, dtype=self.autocast):
            loss = self.forward(self.model, batch)
        return check_loss(loss)

    def _backward(self, batch: Any) -> Loss:
        """Add to the gradients, and return the loss of the batch."""
        loss = self._loss(batch)
        returned = self._own_loss(loss)
        if self.accumulate > 1:
            loss = loss / self.accumulate
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        return returned

    def _step_with_scaler(self, draw: Callable[[], Any], scaler: torch.amp.GradScaler) -> Loss:
        """Step until the scaler does not overflow, so that there is an update."""
        attempts = 0
        while True:
            loss = self._compute_gradients(draw)
            if self.clip is not None:
                scaler.unscale_(self.optimizer)
                self._clip_gradients()
            scaler.step(self.optimizer)
            scale = scaler.get_scale()
            scaler.update()
            attempts += 1
            if scaler.get_scale() >= scale or attempts == _MAX_OVERFLOWS or not math.isfinite(loss):
                return loss

    def _step_with_closure(self, batches: list[Any]) -> Loss:
        losses: list[Loss] = []

        def closure() -> Loss:
            losses.append(self._compute_gradients(iter(batches).__next__))
            self._clip_gradients()
            return losses[-1]

        self.optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]  (annotated for numbers alone)
        return losses[0]

    def _clip_gradients(self) -> None:
        if self.clip is not None:
            self.clip([parameter for group in self.optimizer.param_groups for parameter in group["params"]])


def custom_step(step: Callable[[Any], Any]) -> Step:
    """Return the :class:`Step` of a user's ``step(batch) -> loss``; it draws the next batch where that is None.

    The step raises a ``LossError`` if the loss is not one number.

    Raises:
        LossError: ``step`` is no function.
    """
    function("step", step, "step(batch) -> loss, which makes the whole update", LossError)

    def train(draw: Callable[[], Any]) -> Loss:
        loss = next((loss for _ in range(MAX_SKIPPED) if (loss := step(draw())) is not None), None)
        if loss is None:
            message = f"The step returned None for {MAX_SKIPPED} batches in a row; it must return the loss of some of them."
            raise LossError(message)
        if isinstance(loss, Tensor):
            if loss.numel() != 1:
                message = f"The step returned a loss of shape {tuple(loss.shape)}; it must be one number."
                raise LossError(message)
            return own_loss(loss)
        if not isinstance(loss, SupportsFloat):
            message = f"The step returned {given(loss)}; it must return one number, the loss that the rate is judged by."
            raise LossError(message)
        return float(loss)

    return train


def clipping(clip: Any) -> Callable[[list[nn.Parameter]], object] | None:
    """Return the function that clips gradients: that of the user, or one to the largest norm that is given.

    Raises:
        OptimizerError: ``clip`` is neither a function nor a number above 0.
    """
    if clip is None or callable(clip):
        return clip
    if isinstance(clip, bool) or not isinstance(clip, int | float) or not clip > 0:
        message = f"clip is {clip!r}; give the largest norm of the gradient, a number above 0, or a function."
        raise OptimizerError(message)
    return partial(nn.utils.clip_grad_norm_, max_norm=float(clip))


def supervised_forward(loss_fn: Callable[[Any, Any], Tensor] | None) -> Callable[[nn.Module, Any], Tensor]:
    """Return the usual ``forward``: ``loss_fn(model(input), target)`` of an ``(input, target)`` batch.

    Raises:
        LossError: ``loss_fn`` is None, or no function.
    """
    if loss_fn is None:
        message = "loss_fn is None and there is no forward; give one of the two."
        raise LossError(message)
    function("loss_fn", loss_fn, "loss_fn(output, target) -> loss, such as torch.nn.MSELoss()", LossError)
    if isinstance(loss_fn, type):
        message = f"loss_fn is {given(loss_fn)}; give an object of it: {loss_fn.__name__}()."
        raise LossError(message)

    def forward(model: nn.Module, batch: Any) -> Tensor:
        inputs, target = input_and_target(batch)
        output = model(inputs)
        try:
            return loss_fn(output, target)
        except Exception as error:
            if not isinstance(output, Tensor):
                error.add_note(f"lrfinder: the model returns a {type(output).__name__}. {_SAY_WHICH}")
            raise

    return forward


def check_pair(model: nn.Module, optimizer: Optimizer) -> None:
    """Check that the optimizer trains parameters of the model.

    Raises:
        ModelError: ``model`` is not a module.
        OptimizerError: ``optimizer`` is not an optimizer, or owns no parameter of the model.
    """
    if not isinstance(model, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]  (users pass anything)
        message = f"model is {given(model)}; give a torch.nn.Module, or use TorchLearner.from_step."
        raise ModelError(message)
    check_optimizer("optimizer", optimizer)
    of_model = set(map(id, model.parameters()))
    if not any(id(parameter) in of_model for group in optimizer.param_groups for parameter in group["params"]):
        message = (
            f"{type(optimizer).__name__} owns none of the model's parameters; make it from this model: "
            f"{type(optimizer).__name__}(model.parameters(), ...)."
        )
        raise OptimizerError(message)


def check_loss(loss: object) -> Tensor:
    """Return the loss, if ``backward()`` can start from it.

    Raises:
        LossError: it is not a tensor of one element, or no gradient flows from it.
    """
    if not isinstance(loss, Tensor):
        message = f"The loss is a {type(loss).__name__}; it must be a tensor of one element. {_SAY_WHICH}"
        raise LossError(message)
    check_one_number(loss)
    if not loss.requires_grad:
        message = (
            "The loss needs no gradient: it does not depend on a trainable parameter, or was made under no_grad() or "
            "detached; make it from the model's output, with gradients on."
        )
        raise LossError(message)
    return loss


def check_one_number(loss: Tensor) -> None:
    """Raise a ``LossError`` unless the loss has one element."""
    if loss.numel() != 1:
        message = f"The loss has the shape {tuple(loss.shape)}; it must be one number: take its mean() or its sum()."
        raise LossError(message)


def own_loss(loss: Tensor) -> Loss:
    """Return the loss as a value that later steps cannot overwrite: a float, if reading it stops no device."""
    return float(loss.item()) if loss.is_cpu else detached_copy(loss)


def detached_copy(loss: Tensor) -> Tensor:
    """Copy the loss, because a captured graph writes the next one into the same memory."""
    return loss.detach().clone()


def _leave_evaluation_mode(model: nn.Module) -> None:
    """Switch to training mode, unless a part of the model is in it already: then the modes are the user's choice."""
    parts = dict(model.named_modules())
    head = next((name for name, part in parts.items() if part.training), None)
    if head is None:
        model.train()
        return
    quiet = next((name for name, part in parts.items() if isinstance(part, MODES_MATTER) and not part.training), None)
    if quiet is not None and model not in _warned:
        _warned.add(model)
        message = (
            f"The model is in evaluation mode, and its part {head} in training mode: the search trains in these modes, so "
            f"that {quiet} stays in evaluation mode. If that is how you will train, as with a frozen body, it is right. If "
            "your training calls model.train(), call it before the search."
        )
        warnings.warn(message, LRFinderWarning, stacklevel=2)


def _needs_closure(optimizer: Optimizer) -> bool:
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
