"""What this plugin declares: images and texts that come with a package, a folder or, when asked for, a hub."""

from harness.hookspecs import hookimpl
from harness.specs import DatasetSpec
from harness_data.image_declarations import IMAGE_DATASETS
from harness_data.text_declarations import TEXT_DATASETS
from harness_data.video_declarations import VIDEO_DATASETS


@hookimpl
def harness_datasets() -> list[DatasetSpec]:
    return [*IMAGE_DATASETS, *TEXT_DATASETS, *VIDEO_DATASETS]
