"""What the bridge says of texts: known perplexities, windows, arguments and their errors."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager
from torch import Tensor, nn

from harness.bridges.lm_eval import language_model
from harness.bridges.lm_eval.model import HarnessLM
from harness.bridges.lm_eval.tokenization import ByteTokenizer
from harness.errors import HarnessError, UsageError

pytestmark = pytest.mark.filterwarnings("default")


class Uniform(nn.Module):
    def forward(self, tokens: Tensor) -> Tensor:
        return torch.zeros(*tokens.shape, 256)


class Unigram(nn.Module):
    """Frequencies of bytes whatever came before: a model without memory."""

    def forward(self, tokens: Tensor) -> Tensor:
        logits = torch.linspace(-3, 3, 256, dtype=torch.float64).sin()
        return logits.expand(*tokens.shape, 256)


def lm_of(module: nn.Module, **options: Any) -> HarnessLM:
    return language_model()(module, ByteTokenizer(), vocab=256, **options)


def rolled(lm: HarnessLM, *texts: str) -> list[float]:
    return lm.loglikelihood_rolling([SimpleNamespace(args=(text,)) for text in texts], disable_tqdm=True)


def results(lm: HarnessLM, tasks: Path, name: str) -> dict[str, Any]:
    found = evaluate(
        lm, TaskManager(include_path=str(tasks), include_defaults=False).load([name]), bootstrap_iters=0
    )  # fmt: skip
    return found["results"][name]


def test_a_uniform_model_has_perplexity_256_and_8_bits_a_byte(task_folder: Path) -> None:
    found = results(lm_of(Uniform(), batch_size=4), task_folder, "local_rolling")
    assert found["byte_perplexity,none"] == pytest.approx(256, rel=1e-12)
    assert found["bits_per_byte,none"] == pytest.approx(8, rel=1e-12)


def test_windows_of_any_length_agree_without_memory() -> None:
    text = "windows change nothing for a model that remembers nothing; é too"
    found = [rolled(lm_of(Unigram(), max_length=length), text)[0] for length in (1, 2, 7, 64, 2048)]
    log_probabilities = torch.log_softmax(torch.linspace(-3, 3, 256, dtype=torch.float64).sin(), dim=0)
    expected = float(log_probabilities[list(text.encode())].sum())
    assert found == pytest.approx([expected] * len(found), rel=1e-12)


def test_a_uniform_model_prefers_the_shortest_answer(task_folder: Path) -> None:
    """Why a baseline of length stands beside accuracies: nothing is known here, and short answers win."""
    requests = [SimpleNamespace(args=("question", choice)) for choice in ("a", "ab", "abc", "abcd")]
    found = lm_of(Uniform()).loglikelihood(requests, disable_tqdm=True)
    nats = [log_probability for log_probability, _ in found]
    assert nats == sorted(nats, reverse=True)
    assert nats == pytest.approx([-length * math.log(256) for length in (1, 2, 3, 4)])


def test_lost_context_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    lm = lm_of(Unigram(), max_length=8)
    requests = [SimpleNamespace(args=(context, "xy")) for context in ("short", "much too long", "much too long too")]
    lm.loglikelihood(requests, disable_tqdm=True)
    assert lm.get_model_info()["truncated_contexts"] == 2
    assert "lose their oldest tokens" in caplog.text


def test_an_empty_continuation_is_refused() -> None:
    with pytest.raises(UsageError, match="empty continuation"):
        lm_of(Unigram()).loglikelihood([SimpleNamespace(args=("question", ""))], disable_tqdm=True)


def test_a_model_of_random_weights_says_so(caplog: pytest.LogCaptureFixture) -> None:
    language_model().create_from_arg_string("name=mamba,d_model=16")
    assert "random weights" in caplog.text


def test_options_kernel_and_seed_reach_the_model() -> None:
    first, second, other = (
        language_model().create_from_arg_string(f"name=mamba,d_model=16,num_layers=3,kernel=torch,seed={seed}")
        for seed in (1, 1, 2)
    )
    assert len(first.module.blocks) == 3
    assert rolled(first, "text") == rolled(second, "text") != rolled(other, "text")
    facts = first.get_model_info()["harness_model"]
    assert facts["kernels"]["selective_scan"] == "torch"
    assert facts["options"]["num_layers"] == 3


def test_a_model_in_a_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(
        "from torch import nn\nfrom harness import model\n\n\n"
        '@model(name="mine", predicts_tokens=True)\n'
        "class Mine(nn.Module):\n"
        "    def __init__(self, vocab: int, d_model: int = 8):\n"
        "        super().__init__()\n"
        "        self.layers = nn.Sequential(nn.Embedding(vocab, d_model), nn.Linear(d_model, vocab))\n\n"
        "    def forward(self, tokens):\n"
        "        return self.layers(tokens)\n"
    )
    lm = language_model().create_from_arg_obj({"name": str(tmp_path / "my_model.py"), "d_model": 4})
    assert lm.get_model_info()["model_num_parameters"] == 256 * 4 + 4 * 256 + 256


def test_what_the_folder_says_need_not_be_said(checkpoints: Any) -> None:
    lm = language_model().create_from_arg_obj({"checkpoint": str(checkpoints["gpt_neox"])})
    assert lm.get_model_info()["harness_model"]["name"] == "gpt_neox"
    assert lm.max_length == 512
    assert lm.tokenizer_name.startswith("tokenizer.json:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("d_model=16", "does not say which model"),
        ("name=mambo", "mamba"),
        ("name=vit", "does not predict tokens"),
        ("name=mamba,d_modle=16", "did you mean d_model"),
        ("name=mamba,batch_size=auto", "batch_size=auto"),
        ("name=mamba,batch_size=0", "batch_size"),
        ("name=mamba,device=tpu", "device=tpu"),
        ("name=mamba,tokenizer=nowhere.json", "no such file"),
        ("name=mamba,checkpoint=nowhere", "no such file or folder"),
        ("name=mamba,vocab=100", "ids up to 255 and the model knows 100"),
        ("checkpoint={mamba},name=gpt_neox", "holds a model mamba, not gpt_neox"),
        ("checkpoint={mamba},d_model=64", "has d_model=32; leave it out"),
        ("checkpoint={mamba},vocab=256", "has vocab=320; leave it out"),
    ],
    ids=lambda text: text.split("=")[0] if "=" in text else "",
)
def test_what_cannot_be_had_is_said(checkpoints: Any, arguments: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        language_model().create_from_arg_string(arguments.format(mamba=checkpoints["mamba"]))


def test_the_entry_point_of_lm_eval_leads_to_the_bridge() -> None:
    from importlib.metadata import entry_points

    (point,) = entry_points(group="lm_eval.models", name="harness")
    assert point.load() is HarnessLM
