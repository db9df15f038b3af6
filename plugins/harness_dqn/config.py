"""Options of the agents. A step is one action of one environment, whatever number of frames it is held for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Discount = Annotated[float, Field(ge=0.0, le=1.0, description="gamma, what a reward one step later is worth")]
ReplayFrames = Annotated[int, Field(gt=0, description="frames kept of all environments together, the newest ones")]
LearningStarts = Annotated[int, Field(ge=0, description="steps of random play before the first update")]
StepsPerUpdate = Annotated[int, Field(gt=0, description="steps of all environments together for each update")]
ClipRewards = Annotated[bool, Field(description="learn from rewards cut to -1..1; scores stay the game's")]
InitialEpsilon = Annotated[float, Field(ge=0.0, le=1.0, description="share of random actions until learning starts")]
FinalEpsilon = Annotated[float, Field(ge=0.0, le=1.0, description="share of random actions after `epsilon_steps`")]
EpsilonSteps = Annotated[int, Field(gt=0, description="steps from the first update over which epsilon falls in a line")]
TargetUpdates = Annotated[int, Field(gt=0, description="updates between two copies into the target network")]


class ReplayConfig(BaseModel):
    """What every learner with a replay memory has."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    gamma: Discount = 0.99
    replay_frames: ReplayFrames = 1_000_000
    learning_starts: LearningStarts = 50_000
    steps_per_update: StepsPerUpdate = 4
    clip_rewards: ClipRewards = True
    initial_epsilon: InitialEpsilon = 1.0
    final_epsilon: FinalEpsilon = 0.1
    epsilon_steps: EpsilonSteps = 1_000_000


class Dqn2013Config(ReplayConfig):
    """Algorithm 1: an update every step, as soon as there is a minibatch."""

    learning_starts: LearningStarts = 0
    steps_per_update: StepsPerUpdate = 1


class Dqn2015Config(ReplayConfig):
    """Extended data table 1."""

    target_updates: TargetUpdates = 10_000


class DqnSampleEfficientConfig(ReplayConfig):
    """A recipe that learns some games within minutes on two CPU cores."""

    learning_starts: LearningStarts = 1_600
    steps_per_update: StepsPerUpdate = 2
    final_epsilon: FinalEpsilon = 0.02
    epsilon_steps: EpsilonSteps = 15_000
    target_updates: TargetUpdates = 500
    num_returns: int = Field(10, gt=0, description="steps n whose rewards a target sums before it asks the network")
    longest_exploration: int = Field(
        64, gt=0, description="steps for which a random action is held at most; 1 draws one anew at every step"
    )
    gradient_norm: float = Field(10.0, gt=0.0, description="norm to which a longer gradient is cut")


class PqnConfig(BaseModel):
    """The paper's numbers for Atari."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    gamma: Discount = 0.99
    trace: float = Field(0.65, ge=0.0, le=1.0, description="lambda of the returns, 0 looks one step ahead")
    rollout: int = Field(32, gt=0, description="steps of every environment between two rounds of updates")
    epochs: int = Field(2, gt=0, description="times that a round goes through its steps")
    clip_rewards: ClipRewards = True
    initial_epsilon: InitialEpsilon = 1.0
    final_epsilon: FinalEpsilon = 0.001
    epsilon_fraction: float = Field(0.1, gt=0.0, le=1.0, description="share of the trial over which epsilon falls")
    gradient_norm: float = Field(10.0, gt=0.0, description="norm to which a longer gradient is cut")


class RandomAgentConfig(BaseModel):
    """No options."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ConstantAgentConfig(BaseModel):
    """Which action."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    action: int | None = Field(
        None, ge=0, description="the action; without it all are tried in turn, an episode each, and the best is kept"
    )
    episodes: int = Field(3, gt=0, description="episodes of each action, after which no more are tried")
