"""The model `mamba`: its size and initialisation as published, causality, streaming, and that it learns."""

from __future__ import annotations

import math
from collections.abc import Callable

import jaxtyping
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from harness.interfaces import StepsTokens, TokenData
from harness_mamba import plugin
from harness_mamba.config import MambaConfig
from harness_mamba.model import build, parameter_groups
from harness_sequence.stack import TokenModel

NAMES = ("reference", "torch", "cpu")
DATA = TokenData(vocab=13, length=32)
SMALL = MambaConfig(d_model=24, num_layers=2)
ODD = MambaConfig(d_model=7, num_layers=1, d_state=3, d_conv=3, expand=3, dt_rank=2, tie_embeddings=False)


def kernels_named(name: str) -> dict[str, Callable[..., object]]:
    return {spec.op: spec.implementation.load() for spec in plugin.harness_kernels() if spec.name == name}


def model_of(config: MambaConfig, kernel: str = "cpu", seed: int = 0) -> TokenModel:
    torch.manual_seed(seed)
    return build(config, DATA, kernels_named(kernel))


def tokens_of(batch: int, length: int) -> Tensor:
    return torch.randint(DATA.vocab, (batch, length), generator=torch.Generator().manual_seed(1))


def test_130m_configuration_has_the_released_checkpoints_parameters() -> None:
    config = MambaConfig(d_model=768, num_layers=24)
    with torch.device("meta"):
        model = build(config, TokenData(vocab=50280, length=2048), kernels_named("reference"))
    assert sum(parameter.numel() for parameter in model.parameters()) == 129_135_360


def test_untied_head_adds_its_own_matrix() -> None:
    tied, untied = (model_of(MambaConfig(d_model=24, tie_embeddings=tie)) for tie in (True, False))
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (tied, untied)]
    assert sizes[1] - sizes[0] == DATA.vocab * 24


@pytest.mark.parametrize("length", [1, 2, 33, 64, 101])
@pytest.mark.parametrize("kernel", NAMES)
def test_streaming_equals_the_whole_sequence(kernel: str, length: int) -> None:
    model, tokens = model_of(SMALL, kernel).double(), tokens_of(2, length)
    with torch.no_grad():
        state, logits = model.initial_state(2), []
        for token in tokens.unbind(1):
            after, state = model.step(token, state)
            logits.append(after)
        torch.testing.assert_close(torch.stack(logits, dim=1), model(tokens), atol=1e-11, rtol=1e-9)


def test_streaming_state_does_not_grow() -> None:
    model = model_of(SMALL)
    fresh = model.initial_state(3)
    _, state = model.step(tokens_of(3, 1)[:, 0], fresh)
    assert [[t.shape for t in block] for block in state] == [[(3, 3, 48), (3, 48, 16)]] * 2


def test_model_streams_by_protocol() -> None:
    assert isinstance(model_of(SMALL), StepsTokens)


@pytest.mark.parametrize("config", [SMALL, ODD], ids=["small", "odd"])
def test_changing_a_token_changes_nothing_before_it(config: MambaConfig) -> None:
    model, tokens = model_of(config), tokens_of(2, 45)
    changed = tokens.clone()
    changed[:, 30] = (changed[:, 30] + 1) % DATA.vocab
    with torch.no_grad():
        same = model(tokens) == model(changed)
    assert (bool(same[:, :30].all()), bool(same[:, 30:].all(-1).any())) == (True, False)


@pytest.mark.parametrize("config", [SMALL, ODD], ids=["small", "odd"])
def test_kernels_give_the_same_model(config: MambaConfig) -> None:
    tokens = tokens_of(2, 37)
    with torch.no_grad():
        reference, chunked, compiled = (model_of(config, name).double()(tokens) for name in NAMES)
    torch.testing.assert_close(torch.stack((chunked, compiled)), reference.expand(2, -1, -1, -1), atol=1e-11, rtol=1e-9)


def test_dt_bias_is_the_inverse_softplus_of_log_uniform_steps() -> None:
    torch.manual_seed(0)
    model = build(MambaConfig(d_model=64, expand=64), DATA, kernels_named("cpu"))
    logs = nn.functional.softplus(model.blocks[0].ssm.dt_proj.bias.double()).log10()
    uniform = torch.linspace(-3, -1, logs.numel(), dtype=torch.float64)
    # Kolmogorov and Smirnov: of 4096 draws the two distributions are nearer than 0.0255 in 99 of 100 cases.
    assert float((logs.detach().sort().values - uniform).abs().max()) < 2 * 0.0255


def test_dt_below_the_floor_is_raised_to_it() -> None:
    model = model_of(MambaConfig(dt_min=1e-9, dt_max=1e-8, dt_floor=1e-4))
    dt = nn.functional.softplus(model.blocks[0].ssm.dt_proj.bias.double())
    torch.testing.assert_close(dt, torch.full_like(dt, 1e-4), rtol=1e-5, atol=0)


def test_state_matrix_and_skip_start_as_published() -> None:
    ssm = model_of(SMALL).blocks[1].ssm
    torch.testing.assert_close(-torch.exp(ssm.A_log), -torch.arange(1.0, 17.0).expand(48, 16))
    assert bool((ssm.D == 1).all())


def test_dt_projection_starts_within_its_rank() -> None:
    weight = model_of(MambaConfig(d_model=256)).blocks[0].ssm.dt_proj.weight
    assert weight.shape == (512, 16)
    assert 0.24 < float(weight.detach().abs().max()) <= 0.25


@pytest.mark.parametrize("num_layers", [1, 4])
def test_output_projection_starts_smaller_with_depth(num_layers: int) -> None:
    weight = model_of(MambaConfig(d_model=64, num_layers=num_layers)).blocks[0].out_proj.weight
    bound = 1 / math.sqrt(128) / math.sqrt(num_layers)
    assert 0.98 * bound < float(weight.detach().abs().max()) <= bound


def test_embeddings_start_at_two_hundredths() -> None:
    torch.manual_seed(0)
    model = build(MambaConfig(), TokenData(vocab=1000, length=8), kernels_named("cpu"))
    assert float(model.embedding.weight.detach().std()) == pytest.approx(0.02, rel=0.02)


def test_rates_and_skips_alone_are_not_decayed() -> None:
    (group,) = parameter_groups(model_of(SMALL))
    expected = {f"blocks.{layer}.ssm.{name}" for layer in (0, 1) for name in ("A_log", "D")}
    assert (group.names, group.weight_decay, group.learning_rate_scale) == (expected, 0.0, 1.0)


def test_same_seed_builds_the_same_weights() -> None:
    one, other = model_of(SMALL, seed=3).state_dict(), model_of(SMALL, seed=3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_every_parameter_gets_a_gradient() -> None:
    model = model_of(ODD)
    model(tokens_of(2, 9)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if not bool(parameter.grad.any())] == []


def test_model_learns_to_repeat_a_token_across_a_gap() -> None:
    # Only a state that keeps the first token, and noise out, can name it at the end: an LTI average cannot.
    model = model_of(MambaConfig(d_model=32, num_layers=2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    tokens = tokens_of(64, 12)

    def loss() -> Tensor:
        return nn.functional.cross_entropy(model(tokens)[:, -1], tokens[:, 0])

    for _ in range(60):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert float(loss().detach()) < 0.1


def test_smallest_dt_above_the_largest_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"dt_min=0.5 exceeds dt_max=0.1; .* lower dt_min or raise dt_max"):
        MambaConfig(dt_min=0.5)


@pytest.mark.parametrize(("d_model", "rank"), [(16, 1), (17, 2), (64, 4), (768, 48)])
def test_rank_of_dt_is_a_sixteenth_rounded_up(d_model: int, rank: int) -> None:
    assert MambaConfig(d_model=d_model).rank == rank


@pytest.mark.parametrize("hook", [plugin.harness_models, plugin.harness_ops])
def test_declarations_name_things_that_load(hook: Callable[[], list[object]]) -> None:
    references = [getattr(spec, name, None) for spec in hook() for name in ("config", "build", "parameter_groups",
        "make_inputs", "flops", "costs")]  # fmt: skip
    assert all(callable(reference.load()) for reference in references if reference is not None)


@pytest.mark.parametrize("name", NAMES)
def test_every_op_of_the_model_has_the_kernel(name: str) -> None:
    model = next(spec for spec in plugin.harness_models() if spec.name == "mamba")
    assert set(kernels_named(name)) == set(model.ops)


@pytest.mark.parametrize("kernel", NAMES)
def test_autocast_gives_nearly_the_same_and_gradients_of_all(kernel: str) -> None:
    model, tokens = model_of(SMALL, kernel), tokens_of(2, 21)
    with torch.no_grad():
        exact = model(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(tokens)
    logits.float().square().mean().backward()
    # Some ten layers, each rounding once to eight bits.
    assert float((logits.detach() - exact).norm() / exact.norm()) < 0.02
    assert [name for name, parameter in model.named_parameters() if not bool(parameter.grad.any())] == []


@pytest.mark.parametrize("kernel", NAMES)
def test_streaming_under_autocast_equals_the_whole_sequence(kernel: str) -> None:
    model, tokens = model_of(SMALL, kernel), tokens_of(2, 9)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        state, logits = model.initial_state(2), []
        for token in tokens.unbind(1):
            after, state = model.step(token, state)
            logits.append(after)
        streamed, whole = torch.stack(logits, dim=1), model(tokens)
    assert float((streamed - whole).norm() / whole.norm()) < 0.02


def test_model_of_halves_runs() -> None:
    model, tokens = model_of(SMALL), tokens_of(2, 21)
    with torch.no_grad():
        exact = model(tokens)
        halves = model.to(torch.bfloat16)(tokens)
    assert halves.dtype == torch.bfloat16
    assert float((halves.float() - exact).norm() / exact.norm()) < 0.05


def test_step_compiles_without_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    # What checks shapes under pytest is not there where models are compiled.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    model, tokens = model_of(SMALL), tokens_of(2, 1)[:, 0]
    state = model.initial_state(2)
    with torch.no_grad():
        expected, _ = model.step(tokens, state)
        got, _ = torch.compile(model.step, backend="aot_eager", fullgraph=True)(tokens, state)
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)
