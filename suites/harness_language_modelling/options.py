"""What can be said about a task of lm-eval."""

from __future__ import annotations

from pydantic import Field

from harness_data.options import Options


class LmEvalConfig(Options):
    """How a model is trained before it is asked, and what of the task it is asked."""

    num_fewshot: int = Field(0, ge=0, description="examples with answers before each question")
    limit: int | None = Field(None, gt=0, description="only the first so many documents")
    max_length: int = Field(512, gt=0, description="bytes that the model reads at most; what is older is cut")
    length: int = Field(256, gt=0, description="bytes predicted in a window of training")
    num_train: int = Field(50_000, gt=0, description="windows of training text")
    num_validation: int = Field(200, gt=0, description="windows of validation text")
    source: str = Field("stdlib", description="training text: stdlib, or path with path=")
    path: str = Field("", description="with source=path: a file, or a folder whose files are read in sorted order")
    suffix: str = Field("", description="with source=path: of a folder only files whose name ends so")
    fewshot_seed: int = Field(1234, description="which examples; lm-eval's own default")
