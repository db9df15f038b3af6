"""The mixed blocks of Inception-v3 as the FID graph of 2015-12-05 has them: what runs side by side, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Kernel: TypeAlias = tuple[int, int]
Pool: TypeAlias = Literal["none", "mean", "max", "halving"]
ONE, THREE, FIVE = (1, 1), (3, 3), (5, 5)
ROW3, COLUMN3, ROW7, COLUMN7 = (1, 3), (3, 1), (1, 7), (7, 1)
EPSILON = 1e-3


class ConvolutionNorm(nn.Module):
    """Convolution without bias, batch norm and ReLU."""

    def __init__(
        self, in_channels: int, channels: int, kernel: Kernel, stride: int = 1, padding: Kernel = (0, 0)
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=EPSILON)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d g v"]:
        return F.relu(self.bn(self.conv(x)))


@dataclass(frozen=True, slots=True)
class Step:
    """A convolution by its name in the state dict; its input is padded to keep its size unless it strides."""

    name: str
    channels: int
    kernel: Kernel = ONE
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    """What an input goes through: a pooling, steps one after the other, then those of the fork side by side."""

    steps: tuple[Step, ...]
    fork: tuple[Step, ...] = ()
    pool: Pool = "none"


class Mixed(nn.Module):
    """Branches side by side, their outputs one after the other along the channels."""

    def __init__(self, in_channels: int, branches: tuple[Branch, ...]) -> None:
        super().__init__()
        self.branches = branches
        self.out_channels = 0
        for branch in branches:
            channels = in_channels
            for step in branch.steps:
                self._add(channels, step)
                channels = step.channels
            for step in branch.fork:
                self._add(channels, step)
            self.out_channels += sum(step.channels for step in branch.fork) or channels

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d g v"]:
        return torch.cat([part for branch in self.branches for part in self._outputs(branch, x)], dim=1)

    def _add(self, in_channels: int, step: Step) -> None:
        padding = (step.kernel[0] // 2, step.kernel[1] // 2) if step.stride == 1 else (0, 0)
        block = ConvolutionNorm(in_channels, step.channels, step.kernel, step.stride, padding)
        self.add_module(f"branch{step.name}", block)

    def _outputs(self, branch: Branch, x: Tensor) -> list[Tensor]:
        x = pooled(x, branch.pool)
        for step in branch.steps:
            x = self.get_submodule(f"branch{step.name}")(x)
        return [self.get_submodule(f"branch{step.name}")(x) for step in branch.fork] or [x]


def pooled(x: Float[Tensor, "n c h w"], pool: Pool) -> Float[Tensor, "n c g v"]:
    """The mean is over the real neighbours, as TensorFlow's is: zeros of the padding do not count."""
    match pool:
        case "mean":
            return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        case "max":
            return F.max_pool2d(x, 3, stride=1, padding=1)
        case "halving":
            return F.max_pool2d(x, 3, stride=2)
        case "none":
            return x


def square_block(in_channels: int, pooled_channels: int) -> Mixed:
    """Kernels of 1, 5 and twice 3 (35x35 pixels)."""
    one = Branch((Step("1x1", 64),))
    five = Branch((Step("5x5_1", 48), Step("5x5_2", 64, FIVE)))
    threes = Branch((Step("3x3dbl_1", 64), Step("3x3dbl_2", 96, THREE), Step("3x3dbl_3", 96, THREE)))
    return Mixed(in_channels, (one, five, threes, Branch((Step("_pool", pooled_channels),), pool="mean")))


def first_reduction(in_channels: int) -> Mixed:
    """From 35x35 to 17x17 pixels."""
    threes = Branch((Step("3x3dbl_1", 64), Step("3x3dbl_2", 96, THREE), Step("3x3dbl_3", 96, THREE, 2)))
    return Mixed(in_channels, (Branch((Step("3x3", 384, THREE, 2),)), threes, Branch((), pool="halving")))


def line_block(in_channels: int, inner: int) -> Mixed:
    """Kernels of 7 in lines (17x17 pixels)."""
    one = Branch((Step("1x1", 192),))
    seven = Branch((Step("7x7_1", inner), Step("7x7_2", inner, ROW7), Step("7x7_3", 192, COLUMN7)))
    lines = (Step("7x7dbl_2", inner, COLUMN7), Step("7x7dbl_3", inner, ROW7), Step("7x7dbl_4", inner, COLUMN7))
    sevens = Branch((Step("7x7dbl_1", inner), *lines, Step("7x7dbl_5", 192, ROW7)))
    return Mixed(in_channels, (one, seven, sevens, Branch((Step("_pool", 192),), pool="mean")))


def second_reduction(in_channels: int) -> Mixed:
    """From 17x17 to 8x8 pixels."""
    three = Branch((Step("3x3_1", 192), Step("3x3_2", 320, THREE, 2)))
    lines = (Step("7x7x3_2", 192, ROW7), Step("7x7x3_3", 192, COLUMN7))
    seven = Branch((Step("7x7x3_1", 192), *lines, Step("7x7x3_4", 192, THREE, 2)))
    return Mixed(in_channels, (three, seven, Branch((), pool="halving")))


def forked_block(in_channels: int, pool: Pool) -> Mixed:
    """Kernels of 3 in lines side by side (8x8 pixels)."""
    one = Branch((Step("1x1", 320),))
    fork = (Step("3x3_2a", 384, ROW3), Step("3x3_2b", 384, COLUMN3))
    deep = (Step("3x3dbl_3a", 384, ROW3), Step("3x3dbl_3b", 384, COLUMN3))
    threes = Branch((Step("3x3dbl_1", 448), Step("3x3dbl_2", 384, THREE)), deep)
    last = Branch((Step("_pool", 192),), pool=pool)
    return Mixed(in_channels, (one, Branch((Step("3x3_1", 384),), fork), threes, last))
