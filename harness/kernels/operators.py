"""A kernel of our own as a `torch.library` operator: opaque to torch.compile, with fake and autograd implementations.

A kernel is given in parts. `allocate(*arguments)` returns the tensors that the forward pass fills: first the op's
outputs, then whatever the backward pass needs besides (statistics, states at intervals). It computes nothing, so the
same function serves as the fake implementation, and the check can fill what it returns with NaN before the kernel runs.
`forward(*arguments, *results)` fills them. `backward(*arguments, *saved, *output_gradients, *gradients)` fills one
gradient for each differentiable argument, allocated like it; an argument that is None gets None.
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias

import torch
from torch import Tensor

NAMESPACE = "harness"
LIBRARY = torch.library.Library(NAMESPACE, "FRAGMENT")
POISONED: ContextVar[bool] = ContextVar("POISONED", default=False)

Results: TypeAlias = "Tensor | tuple[Tensor, ...]"


@contextlib.contextmanager
def poisoning() -> Iterator[None]:
    """Fill what kernels are to write with NaN before they run, so that an element left out shows."""
    token = POISONED.set(True)
    try:
        yield
    finally:
        POISONED.reset(token)


class Operator:
    """A differentiable kernel, called like a function with the op's signature; outputs are contiguous.

    `name` is unique, by convention `<op>_<kernel>`. `allocate` is annotated with the types that `torch.library` knows;
    the operator's schema is made from them. `check(*arguments)` raises UsageError or UnsupportedError. Of the results,
    the first `num_outputs` are what the op returns. `saves_outputs` hands them to `backward` too; otherwise it gets
    only the rest. `differentiable` names the arguments that have gradients, by default every tensor.
    """

    def __init__(
        self,
        name: str,
        *,
        allocate: Callable[..., Results],
        forward: Callable[..., None],
        backward: Callable[..., None] | None = None,
        check: Callable[..., None] | None = None,
        num_outputs: int = 1,
        saves_outputs: bool = False,
        differentiable: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.num_outputs = num_outputs
        self.allocate = allocate
        self.forward = forward
        self.backward = backward
        self.check = check or _accept
        self.first_saved = 0 if saves_outputs else num_outputs
        # A decorator that checks types has annotations that torch cannot read where it is.
        declared = torch.library.infer_schema(inspect.unwrap(allocate), mutates_args=())
        parsed = torch._C.parse_schema(f"{name}{declared}")
        self.arguments = [argument.name for argument in parsed.arguments]
        self.defaults = [argument.default_value for argument in parsed.arguments]
        # The dispatcher leaves out arguments that equal their default, so the schema has none.
        inputs = ", ".join(f"{argument.type} {argument.name}" for argument in parsed.arguments)
        inputs = re.sub(r"Optional\[(\w+)\]", r"\1?", inputs)
        schema = f"({inputs}){declared[declared.rindex(' ->') :]}"
        tensors = [a.name for a in parsed.arguments if str(a.type) in ("Tensor", "Optional[Tensor]")]
        self.differentiable = tuple(differentiable if differentiable is not None else tensors)
        self.num_results = len(parsed.returns)
        LIBRARY.define(f"{name}{schema}")
        LIBRARY.impl(name, self._run, "CompositeExplicitAutograd")
        torch.library.register_fake(f"{NAMESPACE}::{name}", self._fake, lib=LIBRARY)
        self.operator = getattr(torch.ops.harness, name).default
        if backward is not None:
            self._define_backward(schema)

    def __call__(self, *arguments: Any) -> Any:
        results = self.operator(*self.complete(arguments))
        if self.num_results == 1:
            return results
        return results[0] if self.num_outputs == 1 else results[: self.num_outputs]

    def complete(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments with the defaults of those left out."""
        return (*arguments, *self.defaults[len(arguments) :])

    def run_parts(self, arguments: Sequence[Any]) -> None:
        """The forward and the backward implementation themselves, without torch's dispatcher around them."""
        arguments = self.complete(arguments)
        results = self._run(*arguments)
        written = results if isinstance(results, tuple) else (results,)
        if self.backward is not None:
            gradients = [torch.ones_like(output) for output in written[: self.num_outputs]]
            self._run_backward(*arguments, *written[self.first_saved :], *gradients)

    def _define_backward(self, schema: str) -> None:
        names = [f"saved_{i}" for i in range(self.first_saved, self.num_results)]
        names += [f"gradient_{i}" for i in range(self.num_outputs)]
        inputs = ", ".join([schema[1 : schema.rindex(") ->")], *(f"Tensor {name}" for name in names)])
        outputs = ", ".join("Tensor" for _ in self.differentiable)
        name = f"{self.name}_backward"
        LIBRARY.define(f"{name}({inputs}) -> ({outputs})")
        LIBRARY.impl(name, self._run_backward, "CompositeExplicitAutograd")
        torch.library.register_fake(f"{NAMESPACE}::{name}", self._fake_backward, lib=LIBRARY)
        self.backward_operator = getattr(torch.ops.harness, name).default
        torch.library.register_autograd(
            f"{NAMESPACE}::{self.name}", self._differentiate, setup_context=self._remember, lib=LIBRARY
        )

    def _fake(self, *arguments: Any) -> Results:
        self.check(*arguments)
        return self.allocate(*arguments)

    def _run(self, *arguments: Any) -> Results:
        self.check(*arguments)
        results = self.allocate(*arguments)
        written = results if isinstance(results, tuple) else (results,)
        _poison(written)
        self.forward(*arguments, *written)
        return results

    def _gradients(self, arguments: Sequence[Any]) -> list[Tensor | None]:
        by_name = dict(zip(self.arguments, arguments, strict=False))
        found = [by_name[name] for name in self.differentiable]
        return [None if value is None else value.new_empty(value.shape) for value in found]

    def _fake_backward(self, *flat: Any) -> Results:
        gradients = self._gradients(flat)
        found = tuple(_absent(flat) if gradient is None else gradient for gradient in gradients)
        return found if len(found) > 1 else found[0]

    def _run_backward(self, *flat: Any) -> Results:
        assert self.backward is not None
        gradients = self._gradients(flat)
        _poison([gradient for gradient in gradients if gradient is not None])
        self.backward(*flat, *gradients)
        found = tuple(_absent(flat) if gradient is None else gradient for gradient in gradients)
        return found if len(found) > 1 else found[0]

    def _remember(self, ctx: Any, inputs: tuple[Any, ...], output: Results) -> None:
        results = output if isinstance(output, tuple) else (output,)
        saved = results[self.first_saved :]
        ctx.mark_non_differentiable(*results[self.num_outputs :])
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        ctx.save_for_backward(*tensors, *saved)
        ctx.plain = [None if isinstance(value, Tensor) else (value,) for value in inputs]

    def _differentiate(self, ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        tensors = iter(ctx.saved_tensors)
        arguments = [next(tensors) if plain is None else plain[0] for plain in ctx.plain]
        given = [gradient.contiguous() for gradient in gradients[: self.num_outputs]]
        found = self.backward_operator(*arguments, *tensors, *given)
        found = found if isinstance(found, tuple) else (found,)
        by_name = dict(zip(self.differentiable, found, strict=True))
        return tuple(
            by_name.get(name) if value is not None else None
            for name, value in zip(self.arguments, arguments, strict=True)
        )


def _accept(*arguments: Any) -> None:
    """Nothing to check."""


def _absent(arguments: Sequence[Any]) -> Tensor:
    """What stands for the gradient of an argument that was not given: an operator returns a fixed number of tensors."""
    first = next(value for value in arguments if isinstance(value, Tensor))
    return first.new_empty(0)


def _poison(tensors: Sequence[Tensor]) -> None:
    if POISONED.get():
        for tensor in tensors:
            if tensor.is_floating_point():
                tensor.fill_(float("nan"))
