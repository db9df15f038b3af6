"""The models of clips and images: loss, sampling, prediction, training, options."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from harness.errors import UsageError
from harness.interfaces import GivesLoss, ImageBatch, SamplesImages, SamplesVideos, Training, VideoBatch, VideoData
from harness.runtime.learning import DefaultGenerativeLearner
from harness_sequence.attention import reference
from harness_video_diffusion import model as model_module
from harness_video_diffusion.config import DiffusionConfig, VideoDiffusionConfig
from harness_video_diffusion.diffusion import log_snr
from harness_video_diffusion.model import other_frames, to_signed, to_unit
from harness_video_diffusion.plugin import harness_models

VARIANTS = {
    "v": {},
    "eps": {"prediction": "eps"},
    "images": {"image_frames": 2},
    "classes": {"condition_on_class": True},
    "no_time": {"temporal_attention": False},
    "deep": {"num_blocks": 2, "multipliers": (1, 2, 2), "embedding_layers": 3, "embedding_dim": 12},
    "dropout": {"dropout": 0.1},
    "no_attention": {"attention_resolutions": ()},
}
VARIED = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def clips(batch=3, frames=4, side=8, seed=0):
    inputs = torch.rand(batch, 2, frames, side, side, generator=torch.Generator().manual_seed(seed))
    return VideoBatch(inputs=inputs, targets=torch.arange(batch) % 3)


def images(batch=3, side=8):
    generator = torch.Generator().manual_seed(0)
    return ImageBatch(inputs=torch.rand(batch, 2, side, side, generator=generator), targets=torch.arange(batch) % 3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# --- loss ---------------------------------------------------------------------------------------------------------


def silent_parameters(model):
    return [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]


@VARIED
def test_every_parameter_of_the_video_model_learns_from_the_first_step(video, options):
    model = video(**options).double()
    batch = clips()
    model.loss(VideoBatch(inputs=batch.inputs.double(), targets=batch.targets)).backward()
    assert silent_parameters(model) == []


@pytest.mark.parametrize("options", [{}, {"condition_on_class": True, "prediction": "eps"}], ids=["plain", "classes"])
def test_every_parameter_of_the_image_model_learns_from_the_first_step(image, options):
    model = image(**options)
    model.loss(images()).backward()
    assert silent_parameters(model) == []


def test_every_parameter_learns_from_clips_of_one_frame(video):
    model = video(frames=1)
    model.loss(clips(frames=1)).backward()
    assert silent_parameters(model) == []


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_the_loss_is_the_mean_squared_error_of_the_prediction(video, prediction):
    model, batch = video(prediction=prediction), clips()
    torch.manual_seed(5)
    found = model.loss(batch)
    torch.manual_seed(5)
    lam = log_snr(torch.rand(3))
    x = 2 * batch.inputs - 1
    eps = torch.randn_like(x)
    alpha, sigma = (torch.sigmoid(sign * lam).sqrt()[:, None, None, None, None] for sign in (1, -1))
    wanted = {"eps": eps, "v": alpha * eps - sigma * x}[prediction]
    predicted = model.diffusion.unet(alpha * x + sigma * eps, lam)
    torch.testing.assert_close(found, (predicted - wanted).square().mean())


def test_the_loss_draws_from_the_global_generator(video):
    model, batch = video(), clips()
    torch.manual_seed(5)
    first = model.loss(batch)
    torch.manual_seed(5)
    assert torch.equal(model.loss(batch), first)


def test_the_image_model_is_the_video_model_of_one_frame(image, video):
    single, clip = image(), video(frames=1)
    assert torch.equal(single(images().inputs), clip(images().inputs[:, :, None])[:, :, 0])


def first_loss(model, precision):
    learner = DefaultGenerativeLearner(model, training=Training(), steps=1, precision=precision)
    torch.manual_seed(5)
    return float(learner.train_step(clips())["loss"])


def test_a_step_in_half_precision_has_about_the_loss_of_single_precision(video):
    half, single = (first_loss(video(), precision) for precision in ("bfloat16", "float32"))
    assert half == pytest.approx(single, rel=0.02)


def test_images_after_a_clip_come_from_other_clips():
    numbered = torch.arange(4.0).reshape(4, 1, 1, 1, 1).expand(4, 1, 5, 2, 2)
    chosen = other_frames(numbered, 6)[:, 0, :, 0, 0]
    assert chosen.tolist() == [[1, 2, 3, 1, 2, 3], [2, 3, 0, 2, 3, 0], [3, 0, 1, 3, 0, 1], [0, 1, 2, 0, 1, 2]]


def test_images_after_a_clip_are_any_of_its_frames():
    numbered = torch.arange(5.0).reshape(1, 1, 5, 1, 1).expand(2, 1, 5, 2, 2)
    torch.manual_seed(0)
    assert other_frames(numbered, 100).unique().tolist() == [0, 1, 2, 3, 4]


def test_a_clip_by_itself_lends_its_own_frames():
    assert other_frames(torch.ones(1, 1, 4, 2, 2), 3).shape == (1, 1, 3, 2, 2)


def test_the_loss_covers_the_images_after_the_clips(video):
    model, seen = video(image_frames=3), []
    model.diffusion.unet.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].shape))
    model.loss(clips())
    assert seen == [(3, 2, 7, 8, 8)]


def test_one_forward_pass_is_as_long_as_in_training(video):
    model, seen = video(image_frames=3), []
    model.diffusion.unet.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].shape))
    assert model(clips().inputs).shape == (3, 2, 4, 8, 8)
    assert seen == [(3, 2, 7, 8, 8)]


def test_classes_are_withheld_as_often_as_asked(video):
    model = video(condition_on_class=True, label_drop=0.3)
    torch.manual_seed(0)
    classes = model.diffusion._partly_withheld(torch.zeros(10_000, dtype=torch.long))
    assert float((classes == 3).float().mean()) == pytest.approx(0.3, abs=0.02)


def test_the_class_reaches_the_loss_where_it_is_asked_for(video):
    model, batch = video(condition_on_class=True, label_drop=1e-9), clips()
    torch.manual_seed(5)
    first = model.loss(batch)
    torch.manual_seed(5)
    assert model.loss(VideoBatch(inputs=batch.inputs, targets=2 - batch.targets)) != first


def test_mixed_images_have_no_one_class(image):
    batch = ImageBatch(inputs=images().inputs, targets=torch.ones(3, 3) / 3)
    with pytest.raises(UsageError, match="told one class for each example"):
        image(condition_on_class=True).loss(batch)


# --- sampling -----------------------------------------------------------------------------------------------------


@VARIED
def test_samples_are_clips_from_0_to_1(video, options):
    drawn = video(**options).eval().sample(2, generator())
    assert drawn.shape == (2, 2, 4, 8, 8)
    assert 0 <= drawn.min() < drawn.max() <= 1


def test_samples_of_the_image_model_are_images_from_0_to_1(image):
    drawn = image().eval().sample(2, generator())
    assert drawn.shape == (2, 2, 8, 8)
    assert 0 <= drawn.min() < drawn.max() <= 1


GUIDED = {"condition_on_class": True, "guidance_weight": 2.0, "corrector_step": 0.1, "dropout": 0.5}


@pytest.mark.parametrize("options", [{}, GUIDED], ids=["plain", "guided"])
def test_sampling_depends_on_the_generator_alone(video, options):
    model = video(**options).eval()
    torch.manual_seed(1)
    first = model.sample(2, generator())
    torch.manual_seed(2)
    assert torch.equal(model.sample(2, generator()), first)


def test_sampling_leaves_the_global_generator_alone(video):
    model = video(**GUIDED).eval()
    before = torch.random.get_rng_state()
    model.sample(2, generator())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_another_generator_gives_another_clip(video):
    model = video().eval()
    assert not torch.equal(model.sample(1, generator(0)), model.sample(1, generator(1)))


def test_sampling_takes_the_dtype_of_the_model(video):
    single, double = video().eval().sample(1, generator()), video().double().eval().sample(1, generator())
    torch.testing.assert_close(double.float(), single, atol=1e-3, rtol=0)


def test_the_options_reach_the_sampler(video):
    options = {"gamma": 0.2, "corrector_step": 0.1, "guidance_weight": 1.5, "prediction": "eps"}
    sampler = video(sampler_steps=7, condition_on_class=True, **options).diffusion.sampler()
    assert {name: getattr(sampler, name) for name in options} == options
    assert sampler.steps == 7


def test_estimated_clips_are_cut_to_where_data_lie(video):
    assert video().diffusion.sampler().bound == 1.0


# --- prediction ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [0.0, 9.0], ids=["replacement", "reconstruction"])
@pytest.mark.parametrize("given", [1, 3])
def test_predicted_clips_begin_with_what_is_given(video, weight, given):
    first = clips().inputs[:, :, :given]
    predicted = video(reconstruction_weight=weight).eval().predict(first, generator())
    assert predicted.shape == (3, 2, 4, 8, 8)
    assert torch.equal(predicted[:, :, :given], first)


def test_the_network_sees_what_is_given_with_noise_and_the_rest_as_noise(video):
    model, seen = video(sampler_steps=16).eval(), []
    model.diffusion.unet.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[:2]))
    model.predict(torch.ones(4, 2, 2, 8, 8), generator())
    z, lam = seen[4]
    alpha, sigma = torch.sigmoid(lam[0]).sqrt(), torch.sigmoid(-lam[0]).sqrt()
    noise = ((z - alpha) / sigma).detach()
    assert float(noise[:, :, :2].mean()) == pytest.approx(0, abs=0.15)
    assert float(noise[:, :, 2:].mean()) == pytest.approx(-float(alpha / sigma), abs=0.15)


def test_reconstruction_guidance_changes_what_is_predicted(video):
    first = clips().inputs[:, :, :2]
    guided, replaced = (video(reconstruction_weight=w).eval().predict(first, generator()) for w in (9.0, 0.0))
    assert not torch.equal(guided, replaced)


def test_prediction_depends_on_the_generator_alone(video):
    model, first = video(**GUIDED).eval(), clips().inputs[:, :, :2]
    torch.manual_seed(1)
    predicted = model.predict(first, generator())
    torch.manual_seed(2)
    assert torch.equal(model.predict(first, generator()), predicted)


def test_prediction_leaves_no_gradient_behind(video):
    model = video().eval()
    predicted = model.predict(clips().inputs[:, :, :2], generator())
    assert not predicted.requires_grad
    assert silent_parameters(model) == [name for name, _ in model.named_parameters()]


@pytest.mark.parametrize("given", [0, 4, 5])
def test_prediction_needs_frames_to_go_by_and_frames_to_predict(video, given):
    with pytest.raises(UsageError, match="give 1 to 3"):
        video().predict(clips(frames=5).inputs[:, :, :given], generator())


# --- training -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt():
    """A clip of a moving square, the evaluated model after training on copies of it, and its losses."""
    clip = torch.zeros(1, 2, 2, 8, 8)
    clip[:, :, 0, 1:5, 1:5] = 1
    clip[:, :, 1, 3:7, 3:7] = 1
    config = VideoDiffusionConfig(base_channels=8, multipliers=(1, 2), head_dim=4, sampler_steps=8)
    data = VideoData(num_classes=3, channels=2, frames=2, height=8, width=8)
    torch.manual_seed(0)
    model = model_module.build_video(config, data, {"attention": reference.attention})
    learner = DefaultGenerativeLearner(model, training=Training(learning_rate=1e-2, ema_decay=0.9), steps=120)
    batch = VideoBatch(inputs=clip.expand(8, -1, -1, -1, -1), targets=torch.zeros(8, dtype=torch.long))
    losses = [float(learner.train_step(batch)["loss"]) for _ in range(120)]
    return clip, learner.evaluated.eval(), losses


def test_the_loss_on_one_clip_falls(learnt):
    _, _, losses = learnt
    assert sum(losses[-20:]) / 20 < 0.35 * sum(losses[:5]) / 5


def test_a_learnt_clip_is_continued(learnt):
    clip, model, _ = learnt
    predicted = model.predict(clip[:, :, :1].expand(8, -1, -1, -1, -1), generator())
    assert float((predicted - clip)[:, :, 1].abs().mean()) < 0.15


# --- options ------------------------------------------------------------------------------------------------------


def test_data_from_0_to_1_are_noised_from_minus_1_to_1():
    x = torch.tensor([0.0, 0.25, 1.0])
    assert to_signed(x).tolist() == [-1.0, -0.5, 1.0]


def test_what_leaves_the_range_is_cut():
    assert to_unit(torch.tensor([-3.0, -1.0, -0.5, 1.0, 1.5])).tolist() == [0.0, 0.0, 0.25, 1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_channels": 20}, "use base_channels=32 or another head_dim"),
        ({"multipliers": (1, 0)}, "use numbers from 1"),
        ({"guidance_weight": 1.0}, "use condition_on_class=true or guidance_weight=0"),
        ({"head_dim": 6}, "multiple of 4"),
        ({"multipliers": ()}, "at least 1 item"),
        ({"gamma": 1.1}, "less than or equal to 1"),
        ({"image_frames": 1}, "not permitted"),
    ],
    ids=str,
)
def test_options_that_cannot_be_say_what_can(options, message):
    with pytest.raises(ValidationError, match=message):
        DiffusionConfig.model_validate(options)


def test_the_papers_network_can_be_asked_for():
    VideoDiffusionConfig(
        base_channels=256,
        multipliers=(1, 2, 4, 8),
        num_blocks=2,
        attention_resolutions=(8, 16, 32),
        head_dim=64,
        embedding_dim=1024,
        image_frames=8,
        sampler_steps=256,
    )


@pytest.mark.parametrize("spec", harness_models(), ids=lambda spec: spec.name)
def test_declarations_load(spec):
    assert issubclass(spec.config.load(), DiffusionConfig)
    assert spec.build.load().__module__ == model_module.__name__


def test_the_models_have_the_interfaces_of_their_capabilities(video, image):
    assert isinstance(video(), SamplesVideos)
    assert isinstance(image(), SamplesImages)
    assert isinstance(video(), GivesLoss)
    assert isinstance(image(), GivesLoss)


@pytest.mark.parametrize("config", [DiffusionConfig, VideoDiffusionConfig])
def test_every_option_is_described(config):
    assert [name for name, field in config.model_fields.items() if not field.description] == []


def test_the_readme_names_every_option():
    readme = (Path(model_module.__file__).parent / "README.md").read_text()
    assert [name for name in VideoDiffusionConfig.model_fields if f"`{name}" not in readme] == []
