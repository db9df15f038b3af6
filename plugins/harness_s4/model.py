"""S4 and S4D: pre-norm residual blocks around a state space layer, over tokens or over the patches of an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from harness.interfaces import DataDescription, ImageData, Kernels, ParameterGroup
from harness_s4.config import S4Config, S4DConfig, StateSpaceConfig
from harness_s4.diagonal import S4DLayer
from harness_s4.low_rank import S4Layer
from harness_sequence.patches import PatchClassifier, patch_grid
from harness_sequence.stack import Block, TokenModel

State = dict[str, Tensor]
# What the state space parameters' learning rate may not exceed (S4, appendix D).
MAX_LEARNING_RATE = 1e-3


class StateSpaceBlock(Block):
    """x + GLU(W dropout(GELU(SSM(norm(x)))))."""

    def __init__(self, layer: S4Layer | S4DLayer, d_model: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.layer = layer
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(d_model, 2 * d_model)

    def forward(self, x: Float[Tensor, "batch length features"]) -> Float[Tensor, "batch length features"]:
        y = self.layer(self.norm(x).transpose(1, 2))  # [B, D, L]
        # Transposed after GELU, which is slower on a transposed view.
        return x + self._mixed(F.gelu(y).transpose(1, 2))

    def initial_state(self, batch: int) -> State:
        return self.layer.initial_state(batch)

    def step(self, x: Float[Tensor, "batch features"], state: State) -> tuple[Float[Tensor, "batch features"], State]:
        y, state = self.layer.step(self.norm(x), state)
        return x + self._mixed(F.gelu(y)), state

    def join(self, states: Sequence[State]) -> State:
        """What is shared is of the first."""
        return states[0] | {"x": torch.cat([state["x"] for state in states])}

    def select(self, state: State, rows: Sequence[int]) -> State:
        return state | {"x": state["x"][list(rows)]}

    def _mixed(self, y: Tensor) -> Tensor:
        return F.glu(self.mix(self.dropout(y)), -1)


def build_s4(config: S4Config, data: DataDescription, kernels: Kernels) -> TokenModel | PatchClassifier:
    length = math.prod(patch_grid(data, config.patch_size)) if isinstance(data, ImageData) else data.length
    return _stack(config, data, lambda: S4Layer(config, length, kernels))


def build_s4d(config: S4DConfig, data: DataDescription, kernels: Kernels) -> TokenModel | PatchClassifier:
    return _stack(config, data, lambda: S4DLayer(config, kernels))


def _stack(
    config: StateSpaceConfig, data: DataDescription, make_layer: Callable[[], S4Layer | S4DLayer]
) -> TokenModel | PatchClassifier:
    blocks = [StateSpaceBlock(make_layer(), config.d_model, config.dropout) for _ in range(config.num_layers)]
    norm = nn.LayerNorm(config.d_model)
    if isinstance(data, ImageData):
        return PatchClassifier(data, config.patch_size, config.d_model, blocks, norm)
    return TokenModel(
        vocab=data.vocab, d_model=config.d_model, blocks=blocks, norm=norm, tie_embeddings=config.tie_embeddings
    )


def parameter_groups(module: nn.Module) -> list[ParameterGroup]:
    """The state space parameters: a learning rate of at most 1e-3 and no weight decay."""
    names = frozenset(
        f"{path}.{name}"
        for path, layer in module.named_modules()
        if isinstance(layer, S4Layer | S4DLayer)
        for name in layer.slow_parameters
    )
    return [ParameterGroup(names=names, max_learning_rate=MAX_LEARNING_RATE, weight_decay=0.0)]
