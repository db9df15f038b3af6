"""An op that is measured alone: a model of which nothing is there but one call of the op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.specs import Capability, Growth, ModelSpec, OpSpec, Ref


@dataclass(frozen=True, kw_only=True, slots=True)
class Alone:
    """An op and the inputs on which it is measured.

    `size` is what `OpSpec.make_inputs` takes. Of it, `lengths` are what the task varies and everything else is an
    option of the model. `declared_in` is the module in which this object is called `ALONE`. `growth` is what theory
    expects of a call forward and backward with the kernel that `auto` takes.
    """

    op: OpSpec
    declared_in: str
    size: Mapping[str, Any]
    lengths: tuple[str, ...] = ("length",)
    growth: tuple[Growth, ...]

    def model(self) -> ModelSpec:
        """The declaration of the model, named as the op with `_op` behind it: a model may have the name without."""
        declared = f"{self.declared_in}:ALONE"
        return ModelSpec(
            name=f"{self.op.name}_op",
            summary=f"the op alone: {self.op.summary}",
            source=self.op.source,
            config=Ref("harness.runtime.operating:config_of", of=declared),
            build=Ref("harness.runtime.operating:builder_of", of=declared),
            capabilities=frozenset({Capability.RUNS_ALONE}),
            ops=(self.op.name,),
            sized_by=None,
            growth=self.growth,
        )
