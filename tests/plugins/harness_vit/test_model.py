"""The Vision Transformer: variants, laws, initialisation, training."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange

from harness.errors import UsageError
from harness_vit.config import ViTHybridConfig

IMAGES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(2))
LABELS = torch.tensor([0, 3, 4])
POOLS = pytest.mark.parametrize("pool", ["class_token", "mean"])
VARIANTS = {
    "class_token": {},
    "mean": {"pool": "mean"},
    "learned_2d": {"positions": "learned_2d"},
    "learned_2d_mean": {"positions": "learned_2d", "pool": "mean"},
    "no_positions": {"positions": "none"},
    "hidden_head": {"hidden_head": True},
    "hybrid": {"config": ViTHybridConfig},
}


def permuted(images, order):
    patches = rearrange(images, "b c (h p) (w q) -> b (h w) c p q", p=4, q=4)[:, order]
    return rearrange(patches, "b (h w) c p q -> b c (h p) (w q)", h=images.shape[2] // 4)


@pytest.mark.parametrize("side", [8, 56], ids=["4_patches", "196_patches"])
def test_few_and_many_patches_run_forward_and_backward(vit, side):
    model = vit(side=side, num_layers=1)
    model(torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    assert model.embedding.projection.weight.grad.abs().sum() > 0


def test_images_need_not_be_square(vit):
    assert vit(side=(8, 20))(torch.zeros(2, 3, 8, 20)).shape == (2, 5)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_every_parameter_learns_from_the_first_step(vit, options):
    model = vit(**options).double()
    F.cross_entropy(model(IMAGES.double()), LABELS).backward()
    silent = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_the_head_reads_the_features(vit, options):
    model = vit(**options)
    features = model.features(IMAGES)
    assert features.shape == (3, 64)
    torch.testing.assert_close(model.head(features), model(IMAGES))


def with_weights_of(model, other):
    names = model.state_dict().keys() & other.state_dict().keys()
    model.load_state_dict({name: other.state_dict()[name] for name in names}, strict=False)
    return model


def test_the_mean_is_not_the_class_token(vit):
    token = vit(positions="none")
    mean = with_weights_of(vit(positions="none", pool="mean"), token)
    assert (mean(IMAGES) - token(IMAGES)).abs().max() > 0.01


@POOLS
@pytest.mark.parametrize("positions", ["learned_1d", "learned_2d"])
def test_positions_of_zero_are_none(vit, pool, positions):
    model, without = vit(pool=pool, positions=positions), vit(pool=pool, positions="none")
    with_weights_of(model, without)
    model.positions.load_state_dict({name: 0 * table for name, table in model.positions.state_dict().items()})
    assert torch.equal(model(IMAGES), without(IMAGES))


def test_the_hidden_head_is_a_tanh_layer_over_the_features(vit):
    plain = vit()
    hidden = with_weights_of(vit(hidden_head=True), plain)
    assert torch.equal(hidden.features(IMAGES), torch.tanh(hidden.pre_logits(plain.features(IMAGES))))


@pytest.mark.parametrize(
    ("variant", "extra"),
    [
        ("class_token", 64 + 5 * 64),
        ("mean", 4 * 64),
        ("learned_2d", 64 + 64 + 4 * 32),
        ("learned_2d_mean", 4 * 32),
        ("no_positions", 64),
        ("hidden_head", 64 + 5 * 64 + 64 * 64 + 64),
    ],
    ids=str,
)
def test_the_number_of_parameters_is_the_closed_form(vit, variant, extra):
    d, num_layers = 64, 4
    embedding, block, head = 48 * d + d, 12 * d**2 + 13 * d, 2 * d + 5 * d + 5
    found = sum(parameter.numel() for parameter in vit(**VARIANTS[variant]).parameters())
    assert found == embedding + num_layers * block + head + extra


@POOLS
def test_without_positions_the_order_of_patches_does_not_matter(vit, pool):
    model = vit(pool=pool, positions="none").double()
    images = IMAGES.double()
    torch.testing.assert_close(model(permuted(images, [2, 0, 3, 1])), model(images), atol=1e-12, rtol=0)


@POOLS
@pytest.mark.parametrize("positions", ["learned_1d", "learned_2d"])
def test_with_positions_the_order_of_patches_matters(vit, pool, positions):
    model = vit(pool=pool, positions=positions).double()
    images = IMAGES.double()
    assert (model(permuted(images, [2, 0, 3, 1])) - model(images)).abs().max() > 1e-4


def test_positions_in_two_dimensions_share_a_half_by_row_and_a_half_by_column(vit):
    vectors = vit(side=(8, 12), positions="learned_2d", pool="mean").positions().unflatten(0, (2, 3))
    assert torch.equal(vectors[..., :32], vectors[:, :1, :32].expand(2, 3, 32))
    assert torch.equal(vectors[..., 32:], vectors[:1, :, 32:].expand(2, 3, 32))


def test_dropout_acts_in_training(vit):
    model = vit(dropout=0.5).train()
    assert not torch.equal(model(IMAGES), model(IMAGES))


def test_dropout_does_not_act_in_evaluation(vit):
    assert torch.equal(vit(dropout=0.5).eval()(IMAGES), vit().eval()(IMAGES))


def test_dropout_follows_positions_attention_and_both_mlp_layers(vit):
    model, places = vit(dropout=0.5, num_layers=1), []
    for module in model.modules():
        module.register_forward_hook(lambda module, _, output: places.append((type(module).__name__, output.shape[-1])))
    model(IMAGES)
    before = [places[i - 1] for i, (name, _) in enumerate(places) if name == "Dropout"]
    assert before == [("SequencePositions", 64), ("MultiHeadAttention", 64), ("Linear", 256), ("Linear", 64)]


def test_the_class_token_starts_at_zero(vit):
    assert torch.equal(vit().class_token, torch.zeros(64))


def test_positions_start_with_a_deviation_of_one_fiftieth(vit):
    table = vit(side=64).positions.table
    assert table.std().item() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("part", [0, 1, 2], ids=["queries", "keys", "values"])
def test_queries_keys_and_values_start_as_separate_xavier_maps(vit, part):
    weight = vit().blocks[0].attention.qkv.weight.chunk(3)[part]
    assert weight.abs().max().item() == pytest.approx(math.sqrt(6 / 128), rel=0.01)


@pytest.mark.parametrize("layer", ["up", "down"])
def test_biases_of_the_mlps_start_near_zero(vit, layer):
    bias = getattr(vit(d_model=512).blocks[0].mlp, layer).bias
    assert bias.std().item() == pytest.approx(1e-6, rel=0.15)


def test_the_embedding_starts_with_a_variance_of_one_over_inputs(vit):
    weight = vit(d_model=512).embedding.projection.weight
    assert weight.var().item() == pytest.approx(1 / 48, rel=0.05)


def test_a_head_that_starts_at_zero_says_nothing(vit):
    assert torch.equal(vit(head_init="zero")(IMAGES), torch.zeros(3, 5))


def test_one_step_lowers_the_loss(vit):
    model = vit()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = F.cross_entropy(model(IMAGES), LABELS)
    before.backward()
    optimizer.step()
    assert F.cross_entropy(model(IMAGES), LABELS) < before


def test_one_batch_is_learned_by_heart(vit):
    model = vit(d_model=32, num_layers=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(30):
        loss = F.cross_entropy(model(IMAGES), LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_patches_that_do_not_fill_the_image_are_refused(vit):
    with pytest.raises(
        UsageError, match=r"patch_size=5 does not divide images of 8x8 pixels.*use patch_size=2 or 4 or 8"
    ):
        vit(patch_size=5)
