"""The video datasets that this plugin declares."""

from harness.specs import DatasetSpec, Ref

VIDEO_DATASETS = (
    DatasetSpec(
        name="moving_digits",
        summary="clips of scikit-learn's digits that move and bounce",
        config=Ref("harness_data.moving_digits:MovingDigitsConfig"),
        build=Ref("harness_data.moving_digits:build"),
        licence="CC BY 4.0",
    ),
    DatasetSpec(
        name="bouncing_shapes",
        summary="clips of squares, discs and triangles that move and bounce",
        config=Ref("harness_data.bouncing_shapes:BouncingShapesConfig"),
        build=Ref("harness_data.bouncing_shapes:build"),
        licence="generated",
    ),
)
