"""Declares three generative adversarial networks: the first, the convolutional one, and one with a gradient penalty."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, ModelSpec, Ref, Source

GAN = Source(
    title="Generative Adversarial Nets",
    authors="Ian J. Goodfellow, Jean Pouget-Abadie, Mehdi Mirza, Bing Xu, David Warde-Farley, Sherjil Ozair, "
    "Aaron Courville, Yoshua Bengio",
    year=2014,
    arxiv="1406.2661",
    venue="NIPS 2014",
)
DCGAN = Source(
    title="Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
    authors="Alec Radford, Luke Metz, Soumith Chintala",
    year=2015,
    arxiv="1511.06434",
    venue="ICLR 2016",
)
GAN_R1 = Source(
    title="Which Training Methods for GANs do actually Converge?",
    authors="Lars Mescheder, Andreas Geiger, Sebastian Nowozin",
    year=2018,
    arxiv="1801.04406",
    venue="ICML 2018",
)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="gan_2014",
            summary="ReLU generator against a maxout discriminator with dropout, as published for MNIST",
            source=GAN,
            config=Ref("harness_gan.config:Gan2014Config"),
            build=Ref("harness_gan.gan_2014:build"),
            learner=Ref("harness_gan.learner_2014:Gan2014Learner"),
            capabilities=frozenset({Capability.SAMPLES_IMAGES}),
            sized_by=None,
        ),
        ModelSpec(
            name="dcgan",
            summary="strided convolutions with batch norm, small by default",
            source=DCGAN,
            config=Ref("harness_gan.config:DcganConfig"),
            build=Ref("harness_gan.dcgan:build"),
            learner=Ref("harness_gan.dcgan:learner"),
            capabilities=frozenset({Capability.SAMPLES_IMAGES}),
            sized_by="width",
        ),
        ModelSpec(
            name="gan_r1",
            summary="strided convolutions without norms and a penalty on the discriminator's gradient at the data",
            source=GAN_R1,
            config=Ref("harness_gan.config:GanR1Config"),
            build=Ref("harness_gan.gan_r1:build"),
            learner=Ref("harness_gan.gan_r1:learner"),
            capabilities=frozenset({Capability.SAMPLES_IMAGES}),
            sized_by="width",
        ),
    ]
