"""The video datasets that this plugin declares."""

from harness.specs import DatasetSpec, Ref, Source

ARCADE = Source(
    title="The Arcade Learning Environment: An Evaluation Platform for General Agents",
    authors="Marc G. Bellemare, Yavar Naddaf, Joel Veness, Michael Bowling",
    year=2013,
    arxiv="1207.4708",
    venue="Journal of Artificial Intelligence Research 47",
)

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
    DatasetSpec(
        name="atari_clips",
        summary="clips of an Atari game played at random, by the package ale-py",
        source=ARCADE,
        requires=("ale_py",),
        config=Ref("harness_data.atari_clips:AtariClipsConfig"),
        build=Ref("harness_data.atari_clips:build"),
        fingerprint=Ref("harness_data.atari_clips:fingerprint"),
        licence="that of the game",
    ),
    DatasetSpec(
        name="local_clips",
        summary="any clips in a folder: arrays, GIFs, videos and folders of numbered frames",
        config=Ref("harness_data.local_clips:LocalClipsConfig"),
        build=Ref("harness_data.local_clips:build"),
        fingerprint=Ref("harness_data.local_clips:fingerprint"),
        licence="that of the files",
    ),
)
