"""The network of the Fréchet inception distance: Inception-v3 as the TensorFlow graph of 2015-12-05 has it."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from harness_generative.bilinear import resized
from harness_generative.extractor_network import FeatureNetwork
from harness_generative.inception_blocks import (
    ONE,
    THREE,
    ConvolutionNorm,
    first_reduction,
    forked_block,
    line_block,
    pooled,
    second_reduction,
    square_block,
)

SIDE = 299
NUM_CLASSES = 1008


class FidInception(FeatureNetwork):
    """Inception-v3 with the names of `pt_inception-2015-12-05-6726825d.pth`.

    It differs from the Inception-v3 of other libraries: means leave out the padding, the last block pools by maximum,
    and there are 1008 classes. Images from 0 to 1, of one channel or three and of any size, are rounded to bytes, since
    the protocol's are, resized to 299x299 as TensorFlow 1 does and shifted to (x - 128) / 128.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvolutionNorm(3, 32, THREE, 2)
        self.Conv2d_2a_3x3 = ConvolutionNorm(32, 32, THREE)
        self.Conv2d_2b_3x3 = ConvolutionNorm(32, 64, THREE, padding=(1, 1))
        self.Conv2d_3b_1x1 = ConvolutionNorm(64, 80, ONE)
        self.Conv2d_4a_3x3 = ConvolutionNorm(80, 192, THREE)
        self.Mixed_5b = square_block(192, 32)
        self.Mixed_5c = square_block(256, 64)
        self.Mixed_5d = square_block(288, 64)
        self.Mixed_6a = first_reduction(288)
        self.Mixed_6b = line_block(768, 128)
        self.Mixed_6c = line_block(768, 160)
        self.Mixed_6d = line_block(768, 160)
        self.Mixed_6e = line_block(768, 192)
        self.Mixed_7a = second_reduction(768)
        self.Mixed_7b = forked_block(1280, "mean")
        self.Mixed_7c = forked_block(2048, "max")
        self.fc = nn.Linear(2048, NUM_CLASSES)

    def features(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 2048"]:
        """The means over the last block's pixels, which the protocol calls pool3."""
        bytes_of = (images * 255).round().expand(-1, 3, -1, -1)
        x = (resized(bytes_of, SIDE) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(pooled(x, "halving")))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(pooled(x, "halving"))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return F.adaptive_avg_pool2d(x, 1).flatten(1)

    def classify(self, features: Float[Tensor, "n 2048"]) -> Float[Tensor, "n 1008"]:
        """Logits without the bias, as the inception score's own script takes them."""
        return features @ self.fc.weight.T
