"""Trains an extractor from scratch, as its committed weights were.

    python -m harness_generative.train_extractor digits-cnn-v1 --folder trained

Writes NAME.safetensors and NAME.json with the recipe, the accuracies and the SHA-256 that `extractors.py` must hold.
One thread, one seed: the same machine and version of torch give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from harness.interfaces import Array
from harness_data.digits import LEVELS, read_digits
from harness_data.fashion_mnist import DEBIAN_FOLDER, read_fashion_mnist
from harness_generative.extractor_network import SmallClassifier
from harness_generative.extractors import EXTRACTORS, ExtractorSpec

Splits = Mapping[str, Mapping[str, Array]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How an extractor is trained: AdamW on the training split, the learning rate falling along half a cosine.

    The weights after the last step are kept; neither validation nor test chooses anything. At the end features are
    scaled to a mean square of one over the training images, so that distances of different extractors are alike.
    """

    dataset: str
    levels: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    seed: int = 0


RECIPES: Mapping[str, Recipe] = {
    "fashion-cnn-v1": Recipe(dataset="fashion_mnist", levels=256, epochs=12, batch_size=128, learning_rate=2e-3),
    "digits-cnn-v1": Recipe(dataset="digits", levels=LEVELS, epochs=60, batch_size=32, learning_rate=2e-3),
}
READERS: Mapping[str, Callable[[], Splits]] = {
    "fashion_mnist": lambda: read_fashion_mnist(Path(DEBIAN_FOLDER)),
    "digits": read_digits,
}


def train(spec: ExtractorSpec, recipe: Recipe, splits: Splits) -> SmallClassifier:
    """The trained network; everything random comes from the recipe's seed."""
    images, labels = _tensors(splits["train"], recipe)
    order = torch.Generator().manual_seed(recipe.seed)
    steps = recipe.epochs * (len(images) // recipe.batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = spec.network().train()
        assert isinstance(network, SmallClassifier)
        optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(recipe.epochs):
            # The rest of an epoch that fills no batch waits for another order.
            for chosen in torch.randperm(len(images), generator=order).split(recipe.batch_size):
                if len(chosen) < recipe.batch_size:
                    break
                optimizer.zero_grad()
                F.cross_entropy(network(images[chosen]), labels[chosen]).backward()
                optimizer.step()
                schedule.step()
    network.eval()
    _scale_features(network, images)
    return network


def accuracy(network: nn.Module, arrays: Mapping[str, Array], recipe: Recipe) -> float:
    """The share of a split's images whose class the network names."""
    images, labels = _tensors(arrays, recipe)
    with torch.inference_mode():
        predicted = torch.cat([network(batch).argmax(dim=1) for batch in images.split(500)])
    return float((predicted == labels).double().mean())


def _scale_features(network: SmallClassifier, images: Tensor) -> None:
    """Divide the features by the root of their mean square and multiply what reads them; the logits stay."""
    with torch.no_grad():
        features = torch.cat([network.features(batch) for batch in images.split(500)])
        scale = features.double().square().mean().sqrt().float()
        for parameter in network.hidden.parameters():
            parameter.div_(scale)
        network.head.weight.mul_(scale)


def _tensors(arrays: Mapping[str, Array], recipe: Recipe) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(np.array(arrays["images"], dtype=np.float32)) / (recipe.levels - 1)
    return images[:, None], torch.from_numpy(np.array(arrays["labels"], dtype=np.int64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--folder", type=Path, default=Path(), help="where the two files go; here unless given")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    spec, recipe = EXTRACTORS[arguments.name], RECIPES[arguments.name]
    splits = READERS[recipe.dataset]()
    network = train(spec, recipe, splits)
    content = save(network.state_dict())
    facts = {
        "name": spec.name,
        "recipe": asdict(recipe),
        "training_images": len(splits["train"]["labels"]),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "features": spec.width,
        "validation_accuracy": accuracy(network, splits["validation"], recipe),
        "test_accuracy": accuracy(network, splits["test"], recipe),
        "torch": torch.__version__,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / spec.weights.name).write_bytes(content)
    text = json.dumps(facts, indent=2) + "\n"
    (arguments.folder / f"{spec.name}.json").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
