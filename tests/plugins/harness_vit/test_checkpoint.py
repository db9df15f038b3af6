"""Checkpoints: parity with transformers in each layout, resampled positions, heads, and files that are refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTConfig as TheirConfig
from transformers import ViTModel

from harness.errors import DataError, MissingDataError, UsageError
from harness.interfaces import ImageData
from harness_sequence.attention import fused
from harness_vit.builders import build
from harness_vit.config import ViTConfig
from harness_vit.fingerprints import fingerprint
from harness_vit.positions import resample

IMAGES = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(5))
BLOCK = "Transformer/encoderblock_1"


@pytest.fixture
def loaded(vit, sizes):
    """Builds a model of the checkpoint's size, with its weights, in evaluation mode."""
    return lambda checkpoint, **options: vit(**{"side": 12, "checkpoint": checkpoint} | sizes | options).eval()


@pytest.fixture
def with_hidden_head(arrays):
    generator = np.random.default_rng(6)
    kernel = generator.normal(size=(24, 24)).astype(np.float32)
    return arrays | {"pre_logits/kernel": kernel, "pre_logits/bias": generator.normal(size=24).astype(np.float32)}


@torch.no_grad()
def test_logits_equal_those_of_transformers(theirs, loaded, safetensors):
    torch.testing.assert_close(loaded(safetensors)(IMAGES), theirs(IMAGES).logits, atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_authors_layout_gives_the_same_logits(theirs, loaded, arrays, saved):
    torch.testing.assert_close(loaded(saved(arrays))(IMAGES), theirs(IMAGES).logits, atol=1e-4, rtol=0)


def test_both_layouts_give_the_same_bits(loaded, safetensors, arrays, saved):
    first, second = loaded(safetensors).state_dict(), loaded(saved(arrays)).state_dict()
    torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_files_and_modules_of_transformers_have_other_names(theirs, safetensors):
    assert not load_file(safetensors).keys() >= theirs.state_dict().keys()


@torch.no_grad()
def test_names_in_the_memory_of_transformers_are_read_too(theirs, loaded, tmp_path):
    save_file(theirs.state_dict(), tmp_path / "memory.safetensors")
    found = loaded(str(tmp_path / "memory.safetensors"))
    torch.testing.assert_close(found(IMAGES), theirs(IMAGES).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_precisions_are_read(theirs, loaded, tmp_path, dtype):
    save_file({name: tensor.to(dtype) for name, tensor in theirs.state_dict().items()}, tmp_path / "a.safetensors")
    found = loaded(str(tmp_path / "a.safetensors")).head.weight
    assert torch.equal(found, theirs.classifier.weight.to(dtype).float())


@torch.no_grad()
def test_a_backbone_without_classes_gives_features_and_a_head_of_zeros(theirs, loaded, tmp_path):
    theirs.vit.save_pretrained(tmp_path)
    model = loaded(str(tmp_path / "model.safetensors"))
    expected = theirs.vit(IMAGES).last_hidden_state[:, 0]
    torch.testing.assert_close(model.features(IMAGES), expected, atol=1e-4, rtol=0)
    assert torch.equal(model(IMAGES), torch.zeros(3, 5))


@torch.no_grad()
def test_the_pooler_of_transformers_is_the_hidden_head(theirs, loaded, tmp_path):
    backbone = ViTModel(TheirConfig(**theirs.config.to_diff_dict() | {"pooler_output_size": 24})).eval()
    backbone.save_pretrained(tmp_path)
    model = loaded(str(tmp_path / "model.safetensors"), hidden_head=True)
    torch.testing.assert_close(model.features(IMAGES), backbone(IMAGES).pooler_output, atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_hidden_head_is_taken_with_the_head_that_reads_it(loaded, with_hidden_head, saved):
    model = loaded(saved(with_hidden_head), hidden_head=True)
    plain = loaded(saved(with_hidden_head))
    kernel, bias = (torch.from_numpy(with_hidden_head[f"pre_logits/{leaf}"]) for leaf in ("kernel", "bias"))
    torch.testing.assert_close(model.features(IMAGES), torch.tanh(plain.features(IMAGES) @ kernel + bias))
    assert torch.equal(model.head.weight, torch.from_numpy(with_hidden_head["head/kernel"]).T)


def test_without_its_hidden_layer_a_head_starts_at_zero(loaded, with_hidden_head, saved):
    assert torch.equal(loaded(saved(with_hidden_head)).head.weight, torch.zeros(5, 24))


@pytest.mark.parametrize("head_init", ["xavier", "zero"])
def test_a_head_of_other_classes_starts_at_zero(loaded, safetensors, head_init):
    head = loaded(safetensors, num_classes=7, head_init=head_init).head
    assert torch.equal(head.weight, torch.zeros(7, 24))
    assert torch.equal(head.bias, torch.zeros(7))


@torch.no_grad()
def test_weights_trained_with_the_mean_have_no_class_token(loaded, arrays, saved):
    positions = arrays["Transformer/posembed_input/pos_embedding"][:, 1:]
    del arrays["cls"]
    model = loaded(saved(arrays | {"Transformer/posembed_input/pos_embedding": positions}), pool="mean")
    assert torch.equal(model.positions.table, torch.from_numpy(positions[0]))


def test_the_number_of_parameters_needs_no_memory(safetensors, sizes):
    config = ViTConfig(checkpoint=safetensors, **sizes)
    data = ImageData(num_classes=5, channels=3, height=20, width=12)
    with torch.device("meta"):
        model = build(config, data, {"attention": fused.attention})
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_a_relative_path_starts_at_the_working_directory(loaded, arrays, saved, monkeypatch):
    path = Path(saved(arrays))
    monkeypatch.chdir(path.parent)
    assert torch.equal(loaded(path.name).norm.bias, loaded(str(path)).norm.bias)


# --- positions ----------------------------------------------------------------------------------------------------


def keys_weights(source, target):
    """The matrix of Keys' bicubic convolution with a = -3/4, from source to target pixels over the same length."""
    centre = (np.arange(target) + 0.5) * source / target - 0.5
    taps = np.floor(centre)[:, None] + np.arange(-1, 3)
    x = np.abs(centre[:, None] - taps)
    near = 1.25 * x**3 - 2.25 * x**2 + 1
    far = -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)
    weights = np.zeros((target, source))
    np.add.at(weights, (np.arange(target)[:, None], taps.clip(0, source - 1).astype(int)), np.where(x <= 1, near, far))
    return weights


@pytest.mark.parametrize(
    ("source", "target"),
    [((3, 3), (5, 5)), ((3, 3), (2, 7)), ((14, 14), (24, 24)), ((4, 4), (1, 1)), ((1, 1), (3, 2))],
    ids=str,
)
def test_positions_are_resampled_by_bicubic_convolution(source, target):
    table = torch.randn(source[0] * source[1], 6, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    rows, columns = (keys_weights(before, after) for before, after in zip(source, target, strict=True))
    expected = np.einsum("ih,jw,hwd->ijd", rows, columns, table.numpy().reshape(*source, 6)).reshape(-1, 6)
    np.testing.assert_allclose(resample(table, source, target).numpy(), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("side", [(20, 20), (8, 16), (4, 36)], ids=str)
@torch.no_grad()
def test_other_images_get_the_positions_that_transformers_interpolates(theirs, loaded, safetensors, side):
    images = torch.randn(2, 3, *side, generator=torch.Generator().manual_seed(8))
    expected = theirs(images, interpolate_pos_encoding=True).logits
    torch.testing.assert_close(loaded(safetensors, side=side)(images), expected, atol=1e-4, rtol=0)


def test_the_class_tokens_position_is_kept(theirs, loaded, safetensors):
    found = loaded(safetensors, side=20).positions.table[0]
    assert torch.equal(found, theirs.vit.embeddings.position_embeddings[0, 0])


def test_positions_of_a_grid_that_is_no_square_are_taken_as_they_are(loaded, arrays, saved):
    name = "Transformer/posembed_input/pos_embedding"
    path = saved(arrays | {name: arrays[name][:, :7]})
    assert torch.equal(loaded(path, side=(8, 12)).positions.table, torch.from_numpy(arrays[name][0, :7]))


# --- files that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 32}, "is of d_model=24, the model of d_model=32.*use d_model=24"),
        ({"num_layers": 2}, "is of num_layers=3, the model of num_layers=2.*use num_layers=3"),
        ({"num_heads": 2}, "is of num_heads=4, the model of num_heads=2.*use num_heads=4"),
        ({"mlp_dim": None}, "is of mlp_dim=40, the model of mlp_dim=96.*use mlp_dim=40"),
        ({"patch_size": 6}, "is of patch_size=4, the model of patch_size=6.*use patch_size=4"),
        ({"num_layers": 4, "patch_size": 2}, "is of num_layers=3, patch_size=4.*use num_layers=3, patch_size=4"),
        ({"pool": "mean"}, "has a class token and pool=mean has none.*use pool=class_token"),
        ({"hidden_head": True}, "has no hidden head layer.*use hidden_head=false"),
    ],
    ids=["width", "depth", "heads", "mlp", "patch", "several", "pool", "hidden_head"],
)
def test_a_checkpoint_of_another_model_is_refused(loaded, arrays, saved, options, message):
    with pytest.raises(UsageError, match=message):
        loaded(saved(arrays), **options)


def test_a_checkpoint_for_other_channels_is_refused(arrays, saved, sizes):
    data = ImageData(num_classes=5, channels=1, height=12, width=12)
    config = ViTConfig(checkpoint=saved(arrays), **sizes)
    with pytest.raises(UsageError, match=r"is of channels=3, the model of channels=1.*use images of 3 channels"):
        build(config, data, {"attention": fused.attention})


def test_a_checkpoint_without_class_token_is_refused_where_one_is_read(loaded, arrays, saved):
    del arrays["cls"]
    with pytest.raises(UsageError, match=r"has no class token.*use pool=mean"):
        loaded(saved(arrays))


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Adapter_0/kernel": zeros(2, 2)}, "holds Adapter_0/kernel; a Vision Transformer for classification"),
        ({"head/scale": zeros(2)}, "holds head/scale"),
        ({f"x{i}": zeros(1) for i in range(8)}, "holds x0, x1, x2, x3, x4, x5 and 2 more"),
        ({"head/kernel": zeros(5)}, r"head/kernel has the shape \(5,\); it has 2 axes"),
        ({f"{BLOCK}/LayerNorm_0/scale": zeros(23)}, r"blocks.1.attention_norm.weight has the shape \(23,\).*\(24,\)"),
        ({"embedding/kernel": zeros(4, 5, 3, 24)}, r"projection.weight has the shape \(24, 3, 4, 5\)"),
        ({"cls": np.zeros((1, 1, 24), np.int64)}, "cls is int64; weights are floating-point numbers"),
        ({"Transformer/posembed_input/pos_embedding": zeros(1, 8, 24)}, "positions of 7 patches.*no square.*3x3"),
        ({"Transformer/posembed_input/pos_embedding": zeros(1, 1, 24)}, "positions of 0 patches"),
        ({"cls": np.array([{}])}, "cannot be read as a checkpoint"),
    ],
    ids=["unknown", "leaf", "many", "axes", "shape", "oblong", "integers", "no_square", "no_patches", "pickle"],
)
def test_an_archive_with_wrong_weights_is_refused_by_name(loaded, arrays, saved, changes, message):
    with pytest.raises(DataError, match=rf"saved\.npz.*{message}"):
        loaded(saved(arrays | changes))


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("embedding/kernel", "has no embedding of patches"),
        ("embedding/bias", "lacks embedding.projection.bias"),
        ("Transformer/posembed_input/pos_embedding", "lacks positions.table"),
        (f"{BLOCK}/MultiHeadDotProductAttention_1/key/bias", "lacks blocks.1.attention.key.bias"),
        ("Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel", "lacks blocks.0.mlp.up.weight"),
        ("head/bias", "lacks head.bias"),
    ],
    ids=str,
)
def test_an_archive_without_a_weight_is_refused_by_its_name(loaded, arrays, saved, absent, message):
    del arrays[absent]
    with pytest.raises(DataError, match=rf"saved\.npz.*{message}"):
        loaded(saved(arrays))


def test_half_a_hidden_head_is_refused(loaded, with_hidden_head, saved):
    del with_hidden_head["pre_logits/bias"]
    with pytest.raises(DataError, match=r"lacks pre_logits.bias"):
        loaded(saved(with_hidden_head), hidden_head=True)


def test_one_weight_under_two_names_is_refused(loaded, safetensors, theirs, tmp_path):
    save_file(load_file(safetensors) | theirs.state_dict(), tmp_path / "twice.safetensors")
    with pytest.raises(DataError, match=r"twice.safetensors: .* comes twice, under two names"):
        loaded(str(tmp_path / "twice.safetensors"))


def test_tensors_of_integers_are_refused(loaded, theirs, tmp_path):
    state = theirs.state_dict() | {"classifier.bias": torch.zeros(5, dtype=torch.int8)}
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match=r"classifier.bias is torch.int8; weights are floating-point numbers"):
        loaded(str(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\xff" * 64, b"text"], ids=["empty", "start", "bytes", "text"]
)
def test_a_damaged_file_is_refused_by_name(loaded, tmp_path, suffix, content):
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"damaged\{suffix} cannot be read as a checkpoint.*give an undamaged file"):
        loaded(str(path))


@pytest.mark.parametrize("cut", [1, 1000, 10_000], ids=str)
def test_a_truncated_archive_is_refused_by_name(loaded, arrays, saved, cut):
    path = Path(saved(arrays))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"saved\.npz cannot be read"):
        loaded(str(path))


def test_changed_bytes_in_an_archive_are_noticed(loaded, arrays, saved):
    path = Path(saved(arrays))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"saved\.npz cannot be read"):
        loaded(str(path))


def test_truncated_safetensors_are_refused_by_name(loaded, safetensors):
    path = Path(safetensors)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"model\.safetensors cannot be read"):
        loaded(str(path))


def test_a_single_array_is_no_checkpoint(loaded, tmp_path):
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"one\.npz cannot be read as a checkpoint \(it holds a single array\)"):
        loaded(str(tmp_path / "one.npz"))


@pytest.mark.parametrize("name", ["absent.npz", "absent.safetensors", "folder.npz"])
def test_a_missing_file_says_what_one_is_called(loaded, tmp_path, name):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(MissingDataError, match=rf"{name} is no file.*such as ViT-B_16\.npz.*model\.safetensors.*fetch"):
        loaded(str(tmp_path / name))


# --- fingerprint --------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_the_digest_of_the_file(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"weights")
    assert fingerprint(ViTConfig(checkpoint=str(tmp_path / "a.npz"))) == hashlib.sha256(b"weights").hexdigest()


def test_without_a_checkpoint_the_fingerprint_is_empty():
    assert fingerprint(ViTConfig()) == ""


@pytest.mark.parametrize("name", ["absent.npz", "folder.npz"])
def test_the_fingerprint_says_that_a_file_is_missing(tmp_path, name):
    (tmp_path / "folder.npz").mkdir()
    assert fingerprint(ViTConfig(checkpoint=str(tmp_path / name))) == "missing"
