"""The file of printed numbers, and its reader."""

import pytest

from harness_published.printed import Printed, all_printed, read_printed

HEADER = "paper,system,task,dataset,metric,value,higher_is_better,protocol,source,confidence\n"


@pytest.fixture
def read(tmp_path):
    """The only row of a file with this line."""

    def one(line):
        file = tmp_path / "printed.csv"
        file.write_text(HEADER + line + "\n", encoding="utf-8")
        (row,) = read_printed(file)
        return row

    return one


def test_a_row_is_read_as_it_is_printed(read):
    assert read('P,"S, large",t,d,m,84.50,false,"a, b",P 2020 Table 1,recalled') == Printed(
        paper="P",
        system="S, large",
        task="t",
        dataset="d",
        metric="m",
        value=84.5,
        higher_is_better=False,
        protocol="a, b",
        source="P 2020 Table 1",
        confidence="recalled",
    )


def test_empty_values_directions_and_protocols_are_read(read):
    row = read("P,S,t,d,m,,,,P 2020,verified")
    assert (row.value, row.higher_is_better, row.protocol) == (None, None, "")


def test_every_row_has_a_citation():
    assert [row for row in all_printed() if not (row.paper and row.system and row.source)] == []


def test_no_citation_is_a_link():
    assert [row for row in all_printed() if "http" in row.source + row.protocol] == []


def test_confidence_is_one_of_two_words():
    assert {row.confidence for row in all_printed()} == {"verified", "recalled"}


@pytest.mark.parametrize(
    ("system", "task", "dataset", "value"),
    [
        ("Adversarial nets (GAN)", "Parzen-window log-likelihood", "MNIST (real-valued)", 225.0),
        ("Video Diffusion (16x64x64)", "unconditional video generation", "UCF101", 295.0),
        ("Transformer", "LRA ListOps", "LRA/ListOps", 36.37),
    ],
    ids=["GAN", "video diffusion", "Long Range Arena"],
)
def test_well_known_numbers_are_there(system, task, dataset, value):
    rows = [row for row in all_printed() if (row.system, row.task, row.dataset) == (system, task, dataset)]
    assert value in [row.value for row in rows]
