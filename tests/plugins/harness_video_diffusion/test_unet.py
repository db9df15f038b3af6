"""The U-Net: what meets what, in space and in time."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange

from harness.errors import UsageError
from harness_video_diffusion.attention import TemporalAttention
from harness_video_diffusion.layers import convolution, norm
from harness_video_diffusion.unet import Block, Embedding

CLIPS = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
LEVELS = torch.tensor([3.0, -1.0], dtype=torch.float64)
SHUFFLED = [2, 0, 3, 1]


@pytest.fixture
def unet(video):
    """Builds a U-Net whose last weights of each branch are as large as the others."""

    def make(**options):
        unet = video(**options).diffusion.unet.double().eval()
        for name, parameter in unet.named_parameters():
            if name.endswith(("second.weight", "out.weight", "leave.weight")):
                parameter.data *= 100
        return unet

    return make


def test_a_convolution_over_frames_as_examples_is_one_of_1x3x3():
    flat = convolution(2, 5, 3).double()
    expected = F.conv3d(CLIPS, flat.weight[:, :, None], flat.bias, padding=(0, 1, 1))
    found = rearrange(flat(rearrange(CLIPS, "b c f h w -> (b f) c h w")), "(b f) c h w -> b c f h w", f=4)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("channels", "groups"), [(4, 1), (12, 1), (16, 4), (32, 8), (96, 8), (128, 32), (256, 32), (2048, 32)], ids=str
)
def test_groups_divide_the_channels_and_hold_at_least_four(channels, groups):
    assert norm(channels).num_groups == groups


@pytest.mark.parametrize("side", [8, 16, 28, 32, 64, (8, 20)], ids=str)
def test_sides_run_forward_and_backward(video, side):
    unet = video(side=side, frames=2, multipliers=(1, 1, 2)).diffusion.unet
    height, width = (side, side) if isinstance(side, int) else side
    outputs = unet(torch.zeros(1, 2, 2, height, width), torch.zeros(1))
    outputs.square().sum().backward()
    assert outputs.shape == (1, 2, 2, height, width)


@pytest.mark.parametrize("side", [9, 10, (8, 6)], ids=str)
def test_sides_that_do_not_halve_say_which_do(video, side):
    with pytest.raises(UsageError, match="multiples of 4; use fewer multipliers"):
        video(side=side, multipliers=(1, 1, 2))


def attending(unet):
    return [layer.attention is not None for layer in unet.down if isinstance(layer, Block)]


@pytest.mark.parametrize(
    ("side", "options", "expected"),
    [
        (32, {}, [False, True, True]),
        (28, {}, [False, True, True]),
        (16, {}, [True, True, True]),
        (16, {"attention_resolutions": (8,)}, [False, True, False]),
        (16, {"attention_resolutions": ()}, [False, False, False]),
    ],
    ids=str,
)
def test_attention_is_at_the_resolutions_asked_for(video, side, options, expected):
    unet = video(side=side, frames=2, multipliers=(1, 1, 2), **options).diffusion.unet
    assert attending(unet) == expected


def test_a_resolution_that_does_not_occur_is_an_error_with_those_that_do(video):
    with pytest.raises(UsageError, match=r"no feature map has \[16\] pixels a side; the sides here are \[28, 14\]"):
        video(side=28, attention_resolutions=(14, 16))


def test_every_spatial_attention_is_followed_by_a_temporal_one(video):
    unet = video(attention_resolutions=(4, 8)).diffusion.unet
    names = [name.rsplit(".", 1) for name, _ in unet.named_modules()]
    space, time = ({name[0] for name in names if name[-1] == kind} for kind in ("space", "time"))
    assert space == time != set()


def test_without_temporal_attention_frames_are_examples(unet):
    model = unet(temporal_attention=False)
    torch.testing.assert_close(model(CLIPS[:, :, SHUFFLED], LEVELS), model(CLIPS, LEVELS)[:, :, SHUFFLED])


def test_the_order_of_frames_matters(unet):
    model = unet()
    change = model(CLIPS[:, :, SHUFFLED], LEVELS) - model(CLIPS, LEVELS)[:, :, SHUFFLED]
    assert change.abs().max() > 1e-5


def test_without_the_bias_the_order_of_frames_does_not_matter(unet):
    model = unet()
    for name, parameter in model.named_parameters():
        parameter.data *= not name.endswith("time.bias")
    torch.testing.assert_close(model(CLIPS[:, :, SHUFFLED], LEVELS), model(CLIPS, LEVELS)[:, :, SHUFFLED])


def test_the_bias_goes_by_the_distance_in_time():
    layer = TemporalAttention(8, 4, 4)
    biases = layer.biases(4)
    torch.testing.assert_close(biases[:, 1:, 1:], biases[:, :-1, :-1])


def test_each_distance_in_time_has_a_bias_of_its_own():
    layer = TemporalAttention(8, 4, 4)
    biases = layer.biases(4)
    torch.testing.assert_close(torch.cat((biases[:, 3], biases[:, 0, 1:]), dim=1), layer.bias)


def test_temporal_attention_is_that_of_torch_with_a_mask():
    layer = TemporalAttention(8, 4, 3).double()
    x = torch.randn(2 * 5, 8, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tokens = rearrange(layer.norm(x), "(b f) c h w -> (b h w) f c", f=5)
    q, k, v = rearrange(layer.qkv(tokens), "n f (p h d) -> p n h f d", p=3, h=2)
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=layer.biases(5))
    expected = layer.out(rearrange(mixed, "n h f d -> n f (h d)"))
    torch.testing.assert_close(layer(x, 5), x + rearrange(expected, "(b h w) f c -> (b f) c h w", h=2, w=2))


def gradient_of_frame(model, clips, frame):
    clips = clips.clone().requires_grad_()
    model(clips, LEVELS)[:, :, frame].square().sum().backward()
    return clips.grad.abs().amax(dim=(0, 1, 3, 4))


@pytest.mark.parametrize("frame", [4, 5])
def test_an_image_after_a_clip_sees_only_itself(unet, frame):
    joined = torch.cat((CLIPS, CLIPS[:, :, :2] + 1), dim=2)
    gradient = gradient_of_frame(unet(), joined, frame)
    assert (gradient > 0).nonzero().flatten().tolist() == [frame]


@pytest.mark.parametrize("frame", [0, 3])
def test_a_frame_sees_its_clip_and_no_image_after_it(unet, frame):
    joined = torch.cat((CLIPS, CLIPS[:, :, :2] + 1), dim=2)
    gradient = gradient_of_frame(unet(), joined, frame)
    assert (gradient > 0).nonzero().flatten().tolist() == [0, 1, 2, 3]


def test_images_after_a_clip_do_not_change_what_is_predicted_of_it(unet):
    model = unet()
    joined = torch.cat((CLIPS, CLIPS[:, :, :2] + 1), dim=2)
    torch.testing.assert_close(model(joined, LEVELS)[:, :, :4], model(CLIPS, LEVELS))


def test_the_level_of_noise_matters(unet):
    model = unet()
    assert (model(CLIPS, LEVELS) - model(CLIPS, LEVELS + 1)).abs().max() > 1e-3


@pytest.mark.parametrize("num_blocks", [1, 3])
@pytest.mark.parametrize("multipliers", [(1,), (1, 2), (1, 2, 3)], ids=str)
def test_there_is_one_block_more_at_each_resolution_on_the_way_up(video, num_blocks, multipliers):
    unet = video(num_blocks=num_blocks, multipliers=multipliers).diffusion.unet
    counts = [sum(isinstance(layer, Block) for layer in way) for way in (unet.down, unet.up)]
    assert counts == [num_blocks * len(multipliers), (num_blocks + 1) * len(multipliers)]


def test_no_class_is_the_last_vector_of_the_embedding():
    embedding = Embedding(16, 2, num_classes=3)
    lam = torch.zeros(2)
    assert torch.equal(embedding(lam, None), embedding(lam, torch.tensor([3, 3])))


def test_levels_of_noise_are_told_apart():
    lam = torch.linspace(-20, 20, 81)
    codes = Embedding(64, 2, num_classes=None)(lam, None)
    distances = torch.cdist(codes, codes) + torch.eye(81) * 100
    assert distances.min() > 0.1
