"""Pictures of latent spaces, of networks whose images are their quantiles; and the contract that such networks hold."""

from __future__ import annotations

import io
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from harness.interfaces import Dataset, Training
from harness.planning.selection import select
from harness.runtime.trial import run_trial
from harness.specs import Tier
from harness.testing import GENERATIVE_CHECKS, ContractViolation, generative_model
from harness_generative import tasks
from harness_generative.latents import interpolations, latent_pictures, manifold
from harness_generative.options import DigitSamplesOptions, GreyImagesOptions, LikelihoodOptions


class Mirror(nn.Module):
    """Shows a point: its numbers in the rows of an image of 8 pixels, and white below."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size

    def decode_quantiles(self, points):
        images = torch.ones(len(points), 1, 8, 8, dtype=points.dtype)
        images[:, 0, : self.latent_size] = points[:, :, None]
        return images

    def sample(self, count, generator):
        return torch.zeros(count, 1, 8, 8)

    def reconstruct(self, images):
        return images


class Blind(nn.Module):
    """Draws and reconstructs without latents."""

    sample, reconstruct = Mirror.sample, Mirror.reconstruct


class Asked:
    """A learner that was taught nothing."""

    def __init__(self, network: nn.Module) -> None:
        self.module = self.evaluated = network


def seeded():
    return torch.Generator().manual_seed(0)


def shown_points(images, latent_size):
    return images[:, 0, :latent_size, 0]


def lines(latent_size=3, rows=4, columns=6):
    images = interpolations(Mirror(latent_size), seeded(), rows=rows, columns=columns)
    return shown_points(images, latent_size).unflatten(0, (rows, columns))


def picture_size(content):
    return Image.open(io.BytesIO(content)).size


# --- layout -------------------------------------------------------------------------------------------------------


def test_a_manifold_reads_from_left_to_right_and_then_downwards():
    low, middle, high = 1 / 6, 3 / 6, 5 / 6
    expected = [[first, second] for second in (low, middle, high) for first in (low, middle, high)]
    torch.testing.assert_close(shown_points(manifold(Mirror(2), side=3), 2), torch.tensor(expected))


def test_the_cells_of_a_manifold_are_equally_probable():
    quantiles = shown_points(manifold(Mirror(2)), 2).unflatten(0, (20, 20))[0, :, 0]
    edges = torch.cat([torch.zeros(1), (quantiles[1:] + quantiles[:-1]) / 2, torch.ones(1)])
    torch.testing.assert_close(edges.diff(), torch.full((20,), 1 / 20))


def test_lines_begin_and_end_at_uniform_draws():
    expected = torch.rand(2, 4, 3, generator=seeded(), dtype=torch.float64)
    found = lines()
    torch.testing.assert_close(torch.stack([found[:, 0], found[:, -1]]), expected.float())


def test_lines_go_in_even_steps():
    found = lines()
    torch.testing.assert_close(found.diff(dim=1), ((found[:, -1:] - found[:, :1]) / 5).expand(-1, 5, -1))


def test_lines_stay_within_the_open_cube():
    found = lines(latent_size=8, rows=200)
    assert found.min() > 0
    assert found.max() < 1


# --- pictures -----------------------------------------------------------------------------------------------------


def test_a_network_without_latents_has_no_pictures_of_them():
    assert latent_pictures(Blind()) == {}


@pytest.mark.parametrize(
    ("latent_size", "names"),
    [
        (1, {"interpolations.png"}),
        (2, {"interpolations.png", "manifold.png"}),
        (3, {"interpolations.png"}),
    ],
    ids=str,
)
def test_two_latents_alone_have_a_manifold(latent_size, names):
    assert set(latent_pictures(Mirror(latent_size))) == names


def test_pictures_are_grids_of_every_image():
    found = latent_pictures(Mirror(2))
    # Images of 8 pixels with a margin of 1, three times as large.
    assert picture_size(found["interpolations.png"]) == (3 * (10 * 9 + 1), 3 * (8 * 9 + 1))
    assert picture_size(found["manifold.png"]) == (3 * (20 * 9 + 1), 3 * (20 * 9 + 1))


def test_pictures_of_a_network_are_the_same_every_time():
    assert latent_pictures(Mirror(2)) == latent_pictures(Mirror(2))


def test_pictures_draw_nothing_from_the_global_generator():
    before = torch.get_rng_state()
    latent_pictures(Mirror(2))
    assert torch.equal(torch.get_rng_state(), before)


def digits():
    images = np.random.default_rng(0).integers(0, 17, (60, 8, 8), dtype=np.uint8)
    arrays = {"images": images, "labels": np.zeros(60, np.uint8)}
    splits = dict.fromkeys(("train", "validation", "test"), arrays)
    return Dataset(name="made", splits=splits, tier=Tier.EMBEDDED, provenance="", licence="", digest="", facts={})


TASKS = [
    pytest.param(
        tasks.binary_likelihood(LikelihoodOptions()), {"samples.png", "reconstructions.png"}, id="binary_likelihood"
    ),
    pytest.param(tasks.reconstruction(GreyImagesOptions()), {"reconstructions.png"}, id="reconstruction"),
    pytest.param(tasks.digit_samples(DigitSamplesOptions()), {"samples.png"}, id="digit_samples"),
]


def illustrated(task, network):
    return task.illustrate(Asked(network), digits(), training=Training(batch_size=16), device=torch.device("cpu"))


@pytest.mark.parametrize(("task", "names"), TASKS)
def test_tasks_add_pictures_of_latents_to_their_own(task, names):
    assert set(illustrated(task, Mirror(2))) == names | {"interpolations.png", "manifold.png"}


@pytest.mark.parametrize(("task", "names"), TASKS)
def test_tasks_leave_their_own_pictures_of_other_networks(task, names):
    assert set(illustrated(task, Blind())) == names


def test_a_trial_with_two_latents_leaves_its_manifold(cache):
    words = ["suite=generative", "scale=smoke", "budget.steps=2", "task=reconstruction", "model=vae", "vae.d_latent=2"]
    chosen = select(words, [])
    outcome = run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
    )
    assert outcome.row["status"] == "ok", outcome.row["reason"]
    assert set(outcome.artifacts) == {"reconstructions.png", "interpolations.png", "manifold.png"}


# --- the contract -------------------------------------------------------------------------------------------------

HONEST = "torch.sigmoid(points @ self.weight).unflatten(1, (1, 8, 8)).float()"
CHEATS = {
    "another shape": "torch.sigmoid(points @ self.weight).float()",
    "beyond one": f"2 * {HONEST}",
    "not a number": f"{HONEST} / 0 * 0",
    "noise": f"{HONEST} * torch.rand(())",
    "unused draws": f"(torch.rand(()), {HONEST})[1]",
    "norms of the batch": f"{HONEST} / {HONEST}.amax(dim=0)",
}


def check_latents(folder, decoded):
    file = folder / "decodes.py"
    file.write_text(
        textwrap.dedent(
            f"""
            import torch
            from pydantic import BaseModel
            from torch import nn
            from harness.hookspecs import hookimpl
            from harness.specs import Capability, ModelSpec, Ref

            class Config(BaseModel):
                pass

            class Decodes(nn.Module):
                latent_size = 5

                def __init__(self):
                    super().__init__()
                    self.weight = nn.Parameter(torch.randn(5, 64, dtype=torch.float64))

                def decode_quantiles(self, points):
                    return {decoded}

            def build(config, data, kernels):
                return Decodes()

            @hookimpl
            def harness_models():
                return [
                    ModelSpec(name="decodes", summary="", config=Ref(f"{{__name__}}:Config"),
                              build=Ref(f"{{__name__}}:build"), capabilities=frozenset({{Capability.SAMPLES_IMAGES}}))
                ]
            """
        )
    )
    GENERATIVE_CHECKS["latents"](generative_model("decodes", files=[file]))


def test_an_honest_decoder_holds_the_contract(tmp_path):
    check_latents(tmp_path, HONEST)


@pytest.mark.parametrize("decoded", CHEATS.values(), ids=CHEATS)
def test_a_decoder_that_breaks_the_contract_is_caught(tmp_path, decoded):
    with pytest.raises(ContractViolation):
        check_latents(tmp_path, decoded)
