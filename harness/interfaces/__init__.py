"""The protocols through which the core, tasks and models meet.

A `Learner` hides what is the paper's business (its network and update rule), a `Task` hides what is the comparison's
business (data, protocol, evaluation), a metric reduces `Evidence`. Seeds, budgets and intervals are the core's alone.
"""

from harness.interfaces.abilities import (
    BoundsLikelihood,
    Completes,
    ExtractsFeatures,
    GivesLoss,
    Reconstructs,
    SamplesImages,
    SamplesVideos,
    StepsTokens,
)
from harness.interfaces.data import (
    IGNORE,
    Array,
    BuiltDataset,
    CompletionBatch,
    DataDescription,
    Dataset,
    DatasetRequest,
    ImageBatch,
    ImageData,
    Streams,
    TokenBatch,
    TokenData,
    VideoBatch,
    VideoData,
)
from harness.interfaces.learners import (
    Budget,
    ClassifierLearner,
    GenerativeLearner,
    Kernels,
    Learner,
    ParameterGroup,
    TokenLearner,
    Training,
)
from harness.interfaces.tasks import (
    Evidence,
    FitOutcome,
    Illustrates,
    Measurement,
    Record,
    Task,
)

__all__ = [
    "IGNORE",
    "Array",
    "BoundsLikelihood",
    "Budget",
    "BuiltDataset",
    "ClassifierLearner",
    "Completes",
    "CompletionBatch",
    "DataDescription",
    "Dataset",
    "DatasetRequest",
    "Evidence",
    "ExtractsFeatures",
    "FitOutcome",
    "GenerativeLearner",
    "GivesLoss",
    "Illustrates",
    "ImageBatch",
    "ImageData",
    "Kernels",
    "Learner",
    "Measurement",
    "ParameterGroup",
    "Reconstructs",
    "Record",
    "SamplesImages",
    "SamplesVideos",
    "StepsTokens",
    "Streams",
    "Task",
    "TokenBatch",
    "TokenData",
    "TokenLearner",
    "Training",
    "VideoBatch",
    "VideoData",
]
