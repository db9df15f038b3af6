"""Models that fail in every way that a trial can fail, and one that does not."""

import ctypes

import torch
from torch import nn

from harness import model


class Plain(nn.Module):
    def __init__(self, vocab: int, width: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.head = nn.Linear(width, vocab)

    def forward(self, tokens):
        return self.head(self.embedding(tokens))


@model(name="healthy", predicts_tokens=True, sized_by="width")
class Healthy(Plain):
    """Learns the most frequent answers."""


@model(name="raises", predicts_tokens=True, sized_by="width")
class Raises(Plain):
    """Raises in its forward pass."""

    def forward(self, tokens):
        raise ValueError("this model does not like its input")


@model(name="segfaults", predicts_tokens=True, sized_by="width")
class Segfaults(Plain):
    """Reads address zero."""

    def forward(self, tokens):
        ctypes.string_at(0)
        return super().forward(tokens)


@model(name="exits", predicts_tokens=True, sized_by="width")
class Exits(Plain):
    """Ends its process without a word."""

    def forward(self, tokens):
        import os

        os._exit(7)


@model(name="hangs", predicts_tokens=True, sized_by="width")
class Hangs(Plain):
    """Never returns, and starts a child that does not either."""

    def forward(self, tokens):
        import subprocess
        import time

        subprocess.Popen(["sleep", "600.25"])
        while True:
            time.sleep(0.1)


@model(name="spins", predicts_tokens=True, sized_by="width")
class Spins(Plain):
    """Loops in C code that keeps the interpreter's lock."""

    def forward(self, tokens):
        return 10 ** (10**10)


@model(name="devours", predicts_tokens=True, sized_by="width")
class Devours(Plain):
    """Allocates without end."""

    def forward(self, tokens):
        kept = []
        while True:
            kept.append(torch.ones(2**20))


@model(name="hoards", predicts_tokens=True, sized_by="width")
class Hoards(Plain):
    """Fills Python's own memory without end."""

    def forward(self, tokens):
        kept = []
        while True:
            kept.append(bytes(2**20))


@model(name="diverges", predicts_tokens=True, sized_by="width")
class Diverges(Plain):
    """Its loss becomes NaN."""

    def forward(self, tokens):
        return super().forward(tokens) * torch.tensor(float("nan"))


@model(name="wrong_shape", predicts_tokens=True, sized_by="width")
class WrongShape(Plain):
    """Returns logits of the wrong shape."""

    def forward(self, tokens):
        return super().forward(tokens)[:, :-1]
