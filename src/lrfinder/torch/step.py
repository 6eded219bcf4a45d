"""The training step of most scripts: forward, backward, clipping, optimizer step, in the usual order."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lrfinder.errors import LossError, ModelError, OptimizerError
from lrfinder.torch.batches import device_of, input_and_target

if TYPE_CHECKING:
    from torch.optim import Optimizer

_MAX_OVERFLOWS = 16  # a scaler starts at 2**16 and halves; after as many overflows its scale is not the reason

Loss = Tensor | float
"""A loss that later steps cannot overwrite: a float, or a detached tensor where reading it would stop a device."""


Step = Callable[[Callable[[], Any]], Loss]
"""One update: it draws as many batches as it needs, trains, and returns the mean of their losses before the update."""


class SupervisedStep:
    """One update of ``model`` by ``optimizer``; see :class:`lrfinder.torch.TorchLearner` for the arguments."""

    def __init__(  # noqa: PLR0913  (the ways in which training loops differ)
        self,
        model: nn.Module,
        optimizer: Optimizer,
        forward: Callable[[nn.Module, Any], Tensor],
        *,
        autocast: torch.dtype | None,
        scaler: torch.amp.GradScaler | None,
        accumulate: int,
        clip: Callable[[list[nn.Parameter]], object] | None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._forward = forward
        self._autocast = autocast
        self._scaler = scaler
        self._accumulate = accumulate
        self._clip = clip
        self._device = device_of([model])
        self._needs_closure = _needs_closure(optimizer)
        self._own_loss = detached_copy if self._needs_closure else own_loss  # a closure returns a tensor to its optimizer
        if self._needs_closure and scaler is not None:
            message = f"{type(optimizer).__name__} needs a closure, which a GradScaler cannot step; give one of the two."
            raise OptimizerError(message)

    def __call__(self, draw: Callable[[], Any]) -> Loss:
        """Draw, train, and return the loss."""
        if not self._model.training:
            _leave_evaluation_mode(self._model)
        if self._needs_closure:
            return self._step_with_closure([draw() for _ in range(self._accumulate)])
        if self._scaler is not None:
            return self._step_with_scaler(draw, self._scaler)
        loss = self._compute_gradients(draw)
        self._clip_gradients()
        self._optimizer.step()
        return loss

    def _compute_gradients(self, draw: Callable[[], Any]) -> Loss:
        """Return the mean loss of the batches."""
        self._optimizer.zero_grad()
        if self._accumulate == 1:
            return self._backward(draw())
        return sum(self._backward(draw()) for _ in range(self._accumulate)) / self._accumulate

    def _backward(self, batch: Any) -> Loss:
        """Add to the gradients, and return the loss of the batch."""
        if self._autocast is None:
            loss = self._forward(self._model, batch)
        else:
            with torch.autocast(self._device.type, dtype=self._autocast):
                loss = self._forward(self._model, batch)
        returned = self._own_loss(check_loss(loss))
        if self._accumulate > 1:
            loss = loss / self._accumulate
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()
        return returned

    def _step_with_scaler(self, draw: Callable[[], Any], scaler: torch.amp.GradScaler) -> Loss:
        """Step until the scaler does not overflow, so that there is an update."""
        attempts = 0
        while True:
            loss = self._compute_gradients(draw)
            if self._clip is not None:
                scaler.unscale_(self._optimizer)
                self._clip_gradients()
            scaler.step(self._optimizer)
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

        self._optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]  (annotated for numbers alone)
        return losses[0]

    def _clip_gradients(self) -> None:
        if self._clip is not None:
            self._clip([parameter for group in self._optimizer.param_groups for parameter in group["params"]])


def custom_step(step: Callable[[Any], Any]) -> Step:
    """Return the :class:`Step` of a user's ``step(batch) -> loss``.

    Raises:
        LossError: when it is called, if the loss is not one number.
    """

    def train(draw: Callable[[], Any]) -> Loss:
        loss = step(draw())
        if isinstance(loss, Tensor) and loss.numel() != 1:
            message = f"The step returned a loss of shape {tuple(loss.shape)}; it must be one number."
            raise LossError(message)
        return own_loss(loss) if isinstance(loss, Tensor) else float(loss)

    return train


def supervised_forward(loss_fn: Callable[[Any, Any], Tensor] | None) -> Callable[[nn.Module, Any], Tensor]:
    """Return the usual ``forward``: ``loss_fn(model(input), target)`` of an ``(input, target)`` batch.

    Raises:
        LossError: ``loss_fn`` is None.
    """
    if loss_fn is None:
        message = "loss_fn is None and there is no forward; give one of the two."
        raise LossError(message)

    def forward(model: nn.Module, batch: Any) -> Tensor:
        given, target = input_and_target(batch)
        return loss_fn(model(given), target)

    return forward


def check_pair(model: nn.Module, optimizer: Optimizer) -> None:
    """Check that the optimizer trains parameters of the model.

    Raises:
        ModelError: ``model`` is not a module.
        OptimizerError: ``optimizer`` is not an optimizer, or owns no parameter of the model.
    """
    if not isinstance(model, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]  (users pass anything)
        message = f"model is a {type(model).__name__}; give a torch.nn.Module, or use TorchLearner.from_step."
        raise ModelError(message)
    if not isinstance(optimizer, torch.optim.Optimizer):  # pyright: ignore[reportUnnecessaryIsInstance]  (as above)
        message = f"optimizer is a {type(optimizer).__name__}; give a torch.optim.Optimizer."
        raise OptimizerError(message)
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
        message = f"The loss is a {type(loss).__name__}; it must be a tensor of one element, made from the model's output."
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
    """Check that a loss has one element.

    Raises:
        LossError: it has not.
    """
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
    if not any(module.training for module in model.modules()):
        model.train()


def _needs_closure(optimizer: Optimizer) -> bool:
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
