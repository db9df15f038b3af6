"""An op that is measured alone, as a network without parameters and a learner that learns nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from torch import Tensor, nn

from harness.errors import PluginError
from harness.interfaces import DataDescription, Kernels, OpData, Training
from harness.kernels.alone import Alone
from harness.kernels.comparing import make_arguments
from harness.kernels.costs import Costs, Work
from harness.kernels.loading import Kernel
from harness.kernels.passes import call_of, work_of


def config_of(alone: Alone) -> type[BaseModel]:
    """A strict configuration with an option for everything in the op's size that the task does not give."""
    fields: dict[str, Any] = {
        name: (int | None if value is None else type(value), value)
        for name, value in alone.size.items()
        if name not in alone.lengths
    }
    strict = ConfigDict(frozen=True, extra="forbid", strict=True)
    return create_model(f"{alone.op.name}Size", __config__=strict, **fields)


def builder_of(alone: Alone) -> Callable[[BaseModel, DataDescription, Kernels], nn.Module]:
    """A builder of `OpAlone`."""

    def build(config: BaseModel, data: DataDescription, kernels: Kernels) -> nn.Module:
        if not isinstance(data, OpData):
            raise PluginError(f"{alone.op.name} runs alone on data of a length, not on {type(data).__name__}")
        size = {**config.model_dump(), **dict.fromkeys(alone.lengths, data.length)}
        return OpAlone(kernels[alone.op.name], size)

    return build


class OpAlone(nn.Module):
    """A kernel and the inputs of one call, which are its buffers."""

    def __init__(self, kernel: Any, size: Mapping[str, Any]) -> None:
        super().__init__()
        self.kernel: Kernel = kernel
        self.size = size
        self.batch: int = size.get("batch", 1)
        self.make_inputs("float32")

    def make_inputs(self, dtype: str) -> None:
        """Take the op's random inputs in this dtype, those of its check."""
        made = make_arguments(self.kernel.op, self.size, 0, dtype)
        self.differentiable = {i for i, item in enumerate(made) if isinstance(item, Tensor) and item.requires_grad}
        self.others = {i: item for i, item in enumerate(made) if not isinstance(item, Tensor)}
        self.count = len(made)
        for index, item in enumerate(made):
            if isinstance(item, Tensor):
                self.register_buffer(f"input_{index}", item.detach())

    def arguments(self) -> list[Any]:
        """The inputs where they now lie, those that the op differentiates as leaves that require a gradient."""
        return [
            self.others[index]
            if index in self.others
            else self.get_buffer(f"input_{index}").detach().requires_grad_(index in self.differentiable)
            for index in range(self.count)
        ]


class OpLearner:
    """Runs an op; see `harness.interfaces.OpLearner`."""

    def __init__(
        self, module: OpAlone, *, training: Training, steps: int, groups: object = (), precision: str = "float32"
    ) -> None:
        if precision != "float32":
            device = next(module.buffers()).device
            module.make_inputs(precision)
            module.to(device)
        self.module: nn.Module = module
        self.kernel = module.kernel
        self.batch = module.batch
        self._arguments = module.arguments()

    def train_step(self, batch: Any) -> Mapping[str, Tensor]:
        """Forward and backward; there is no loss, so none is told."""
        self.call(backward=True)()
        return {}

    def call(self, *, backward: bool) -> Callable[[], None]:
        return call_of(self.kernel, self._arguments, self._passes(backward))

    def work(self, *, backward: bool) -> Work | None:
        costs = self.kernel.op.costs
        if costs is None:
            return None
        counted: Costs = costs.load()(*self._arguments)
        return work_of(counted, self._passes(backward))

    def _passes(self, backward: bool) -> str:
        return "forward_backward" if backward and self.kernel.spec.differentiable else "forward"
