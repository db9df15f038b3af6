"""Pictures of a board's entries, inside the page."""

import base64

import pytest

from harness.reports.html import render
from harness.reports.report import make_report


@pytest.fixture
def drawn(make):
    rows = make.seeds("vae", [0.5, 0.6]) + make.seeds("gan", [0.7])
    files = {
        rows[1]["trial_id"]: {"samples.png": b"second seed", "notes.txt": b"no picture"},
        rows[2]["trial_id"]: {"<i>.gif": b"moving", "values.svg": b"<svg/>"},
    }
    return make_report(make.frame(rows), artifacts=files)


def test_the_first_seed_that_left_pictures_is_shown(drawn):
    galleries = {gallery.label: gallery for gallery in drawn.galleries[0]}
    assert (galleries["vae"].seed, [picture.name for picture in galleries["vae"].pictures]) == (1, ["samples"])


def test_pictures_are_inside_the_page(drawn):
    page = render(drawn)
    assert f"data:image/png;base64,{base64.b64encode(b'second seed').decode()}" in page
    assert f"data:image/gif;base64,{base64.b64encode(b'moving').decode()}" in page
    assert f"data:image/svg+xml;base64,{base64.b64encode(b'<svg/>').decode()}" in page


def test_names_of_pictures_show_as_text(drawn):
    assert "<i>:" not in render(drawn)
    assert "&lt;i&gt;" in render(drawn)


def test_a_board_without_pictures_has_no_gallery(make):
    report = make_report(make.frame([make.row()]))
    assert report.galleries == ((),)
    assert "<figure>" not in render(report)
