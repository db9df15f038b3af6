"""How a model is trained: what a trial may spend, how learners train, and what a learner is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from harness.interfaces.data import Array, ImageBatch, TokenBatch, Transitions

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from harness.kernels.costs import Work

Kernels: TypeAlias = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterGroup:
    """Parameters that a paper trains differently from the rest: names as in `module.named_parameters()`."""

    names: frozenset[str]
    learning_rate_scale: float = 1.0
    max_learning_rate: float | None = None
    weight_decay: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How learners train; part of what a trial is.

    With `micro_batch` (0 is off) at most that many examples go through the network at once; gradients add up to those
    of the whole batch, save where a network looks at the batch itself, as batch norm does. The learning rate rises in a
    line over `warmup_fraction` of the steps and then falls along `decay` to `final_fraction` of itself. `betas` are
    AdamW's, `momentum` is that of SGD. With `ema_decay` (0 is off) evaluation is of the exponential moving average of
    the weights, whose decay at step n is at most (1 + n) / (10 + n). `compile` runs the network through torch.compile.
    """

    optimizer: Literal["adamw", "sgd", "adagrad"] = "adamw"
    learning_rate: float = 1e-3
    batch_size: int = 32
    micro_batch: int = 0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.98)
    momentum: float = 0.9
    warmup_fraction: float = 0.1
    decay: Literal["cosine", "linear"] = "cosine"
    final_fraction: float = 0.0
    gradient_clip: float = 1.0
    label_smoothing: float = 0.0
    ema_decay: float = 0.0
    compile: bool = False
    evaluations: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a trial may spend on fitting. With `seconds` it stops at whichever comes first and says so.

    With 0 steps the seconds alone count, and all of them are used.
    """

    steps: int
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnerMemory:
    """What a learner keeps beside its network: `content` is its name, `option` is the model's that makes it smaller."""

    content: str
    num_bytes: int
    option: str


class Learner(Protocol):
    """A built model: network plus the paper's own training step."""

    module: nn.Module

    def train_step(self, batch: Any) -> Mapping[str, Tensor]:
        """One update; returns detached scalars of which `loss` is one."""
        ...


@runtime_checkable
class PlansSteps(Protocol):
    """A learner with a schedule over its steps, of which it is built with the number.

    Where time alone ends the training it is built with 0 and told again and again how many there will be, as far as is
    known by then; so the schedule follows the time. Without this method it has to do with 0.
    """

    def expect_steps(self, steps: int) -> None:
        """Plan for so many steps in all, those that were made counted in."""
        ...


class TokenLearner(Learner, Protocol):
    """A learner with capability PREDICTS_TOKENS."""

    def logits(self, batch: TokenBatch) -> Float[Tensor, "batch length vocab"] | Float[Tensor, "batch vocab"]:
        """Outputs at every position, or their mean over each sequence where the batch asks for one class."""
        ...


class ClassifierLearner(Learner, Protocol):
    """A learner with capability CLASSIFIES."""

    def logits(self, batch: ImageBatch) -> Float[Tensor, "batch classes"]:
        """One score a class."""
        ...

    def features(self, batch: ImageBatch) -> Float[Tensor, "batch features"]:
        """What the last layer reads; only of models with capability EXTRACTS_FEATURES."""
        ...


class GenerativeLearner(Learner, Protocol):
    """A learner of a model that draws, reconstructs or completes, or bounds a likelihood."""

    @property
    def evaluated(self) -> nn.Module:
        """The network to ask: that of the averaged weights where there are any."""
        ...


class ActingLearner(Protocol):
    """A learner with capability ACTS: it chooses actions in several environments at once and learns from what follows.

    Exploration and replay draw from torch's global generator, which the trial seeds.
    """

    module: nn.Module

    def act(self, observations: Array) -> Array:
        """Actions [envs] while learning, with whatever exploration the paper has."""
        ...

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        """Take in one step of every environment and make the updates that are due.

        Returns the means of what the updates measured, of which `loss` is one; empty where none was due.
        """
        ...

    def values(self, observations: Array) -> Array:
        """What each action is worth, [envs, actions]; evaluation takes the largest. Explores and changes nothing."""
        ...


class OpLearner(Learner, Protocol):
    """A learner with capability RUNS_ALONE: an op on inputs of its own, of which `batch` examples are in one call."""

    batch: int

    def call(self, *, backward: bool) -> Callable[[], None]:
        """One call of the op, forward or forward and backward; forward where the kernel has no backward pass."""
        ...

    def work(self, *, backward: bool) -> Work | None:
        """What such a call cannot do without; None where the op has no cost model."""
        ...


@runtime_checkable
class KnowsWhenDone(Protocol):
    """An acting learner that may need less than its budget, such as one that learns nothing."""

    def done(self) -> bool:
        """Whether no further step can change how it acts; its trial is then over, and the row says so."""
        ...
