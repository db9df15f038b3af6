"""Beside the sampling tasks: Parzen windows of the adversarial networks' paper, Fréchet distances of clips."""

from __future__ import annotations

from harness_published.beside import Beside

PARZEN = (
    "10,000 samples there, as many here as num_samples says (a tenth of them costs tens of nats). Sigma is chosen on "
    "validation images there and here; pixels run from 0 to 1 in both. This estimate is no measure of quality"
)
SIZES = {
    "digit_samples": "The digits here have 64 pixels, MNIST's have 784: the density is of another dimension, and the "
    "numbers do not compare",
    "fashion_samples": "Clothes of 784 pixels here as there",
}
DISTANCE = (
    "Another distance on other clips: features of a large video classifier there, 8x8 means of frames and of their "
    "changes here. The numbers have no common scale; they say where the literature stands"
)
VIDEO = (
    ("unconditional video generation", "fid_c3d", "Fréchet distance of C3D features"),
    ("video prediction 1->15 frames", "fvd", "Fréchet video distance (I3D)"),
    ("video prediction 5->11 frames", "fvd", "Fréchet video distance (I3D)"),
)
DIFFUSION = (
    "Video Diffusion (16x64x64)",
    "Video Diffusion, ancestral, 512 steps",
    "Video Diffusion, Langevin, 256 steps",
    "Video Diffusion, ancestral, 256 steps",
    "Video Diffusion, Langevin, 128 steps",
)


def _parzen(task: str, datasets: tuple[str, ...]) -> Beside:
    return Beside(
        task=task,
        metrics=("parzen_nats",),
        printed_task="Parzen-window log-likelihood",
        printed_metric="loglik_nats",
        datasets=datasets,
        quantity="log-likelihood under a Parzen window",
        unit="nats",
        differs=f"{SIZES[task]}. {PARZEN}.",
    )


BESIDE = (
    _parzen("digit_samples", ("MNIST (real-valued)", "MNIST")),
    _parzen("fashion_samples", ("Fashion-MNIST",)),
    *(
        Beside(
            task="clips",
            metrics=("frechet_pooled_frames",),
            printed_task=task,
            printed_metric=metric,
            systems=DIFFUSION,
            quantity=quantity,
            unit="",
            differs=f"{DISTANCE}.",
        )
        for task, metric, quantity in VIDEO
    ),
)
