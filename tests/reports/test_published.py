"""Published results under the boards of the same task and metric."""

import io
import textwrap

import pytest
from rich.console import Console

from harness.errors import PluginError
from harness.registry import load_registry
from harness.reports import html, markdown
from harness.reports.published import load_published, published_beside
from harness.reports.report import make_report
from harness.reports.terminal import print_boards
from harness.specs import PublishedResult

EVIL = "<script>alert(1)</script>"
FACTS = {
    "system": "Adversarial nets",
    "task": "digit_samples",
    "metrics": ("parzen_nats",),
    "value": 225.0,
    "quantity": "log-likelihood under a window",
    "unit": "nats",
    "higher_is_better": True,
    "dataset": "MNIST",
    "protocol": "10,000 samples",
    "source": "Goodfellow et al. 2014 Table 1",
    "differs": "784 pixels there, 64 here.",
}


def terminal(report):
    output = io.StringIO()
    print_boards(report.boards, Console(file=output, width=100, force_terminal=False), (), report.published)
    return output.getvalue()


FORMS = pytest.mark.parametrize("show", [terminal, markdown.render, html.render], ids=["terminal", "markdown", "html"])


@pytest.fixture
def loaded(tmp_path):
    """A registry with one table for these tasks that holds results with these facts."""

    def load(*given, tasks=("digit_samples",)):
        file = tmp_path / "papers.py"
        results = ", ".join(f"PublishedResult(**{FACTS | facts!r})" for facts in given)
        text = f"""
        from harness.hookspecs import hookimpl
        from harness.specs import PublishedResult, PublishedTable, Ref

        RESULTS = ({results},)

        @hookimpl
        def harness_published_results():
            return [PublishedTable(name="papers", summary="", tasks={tasks!r}, results=Ref(__name__ + ":RESULTS"))]
        """
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return load_registry([file], entry_points=False)

    return load


@pytest.fixture
def drawn(make):
    """The board of one trial that drew digits, with further columns."""

    def build(**given):
        metrics = [make.metric("frechet", 16.7, "", False), make.metric("parzen_nats", 40.0, "nats")]
        digits = {"task": "digit_samples", "metric": "frechet", "value": 16.7, "higher_is_better": False}
        return make.frame([make.row(**digits | {"metrics": metrics, "task_options": '{"num_samples":200}'} | given)])

    return build


def beside(rows, *given):
    (board,) = make_report(rows).boards
    return published_beside(board, [PublishedResult(**FACTS | facts) for facts in given])


@FORMS
@pytest.mark.parametrize(
    "fact",
    ["Adversarial nets", "225", "nats", "higher is better", "MNIST", "10,000 samples", "Goodfellow et al. 2014 Table 1",
     "784 pixels there, 64 here.", "Published, with another protocol"],
)  # fmt: skip
def test_every_form_shows(show, fact, drawn, loaded):
    shown = " ".join(show(make_report(drawn(), registry=loaded({}))).split())
    assert fact in shown


@FORMS
def test_nothing_is_shown_where_nothing_fits(show, drawn, loaded):
    report = make_report(drawn(task="clips"), registry=loaded({}))
    assert "Published, with another protocol" not in show(report)


@FORMS
def test_nothing_is_shown_without_a_registry(show, drawn):
    assert "Published, with another protocol" not in show(make_report(drawn()))


@pytest.mark.parametrize("show", [markdown.render, html.render], ids=["markdown", "html"])
def test_markup_shows_as_text(show, drawn, loaded):
    facts = dict.fromkeys(("system", "dataset", "protocol", "source", "differs", "quantity", "unit"), EVIL)
    assert "<script" not in show(make_report(drawn(), registry=loaded(facts)))


def test_ranks_and_intervals_are_those_of_the_measured_rows(drawn, loaded):
    assert make_report(drawn(), registry=loaded({})).boards == make_report(drawn()).boards


def test_only_verified_results_are_shown(loaded):
    registry = loaded({"system": "sure"}, {"system": "unsure", "confidence": "recalled"})
    assert [result.system for result in load_published(registry, ["digit_samples"])] == ["sure"]


def test_recalled_results_say_so_where_they_are_asked_for(drawn, loaded):
    results = load_published(loaded({"confidence": "recalled"}), ["digit_samples"], ("verified", "recalled"))
    (board,) = make_report(drawn()).boards
    output = io.StringIO()
    print_boards([board], Console(file=output, width=100), (), [published_beside(board, results)])
    assert "225 (recalled)" in output.getvalue()


def test_a_table_of_other_tasks_is_not_loaded(registry_of_a_missing_module):
    assert load_published(registry_of_a_missing_module, ["clips"]) == ()


def test_a_table_that_does_not_load_is_an_error(registry_of_a_missing_module):
    with pytest.raises(PluginError, match="no_such_module"):
        load_published(registry_of_a_missing_module, ["digit_samples"])


@pytest.fixture
def registry_of_a_missing_module(tmp_path):
    file = tmp_path / "broken_papers.py"
    text = """
    from harness.hookspecs import hookimpl
    from harness.specs import PublishedTable, Ref

    @hookimpl
    def harness_published_results():
        results = Ref("no_such_module:RESULTS")
        return [PublishedTable(name="papers", summary="", tasks=("digit_samples",), results=results)]
    """
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return load_registry([file], entry_points=False)


def test_a_plugin_that_returns_bare_results_is_out_of_use(tmp_path):
    file = tmp_path / "bare_papers.py"
    text = f"""
    from harness.hookspecs import hookimpl
    from harness.specs import PublishedResult

    @hookimpl
    def harness_published_results():
        return [PublishedResult(**{FACTS!r})]
    """
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    registry = load_registry([file], entry_points=False)
    assert "it returns the declarations of harness.specs" in registry.plugins[-1].error


def test_results_of_a_task_that_the_table_does_not_name_are_an_error(loaded):
    with pytest.raises(PluginError, match="it announces results of the tasks clips"):
        load_published(loaded({}, tasks=("clips",)), ["clips"])


def test_a_metric_beside_the_headline_has_its_results(drawn):
    (group,) = beside(drawn(), {})
    assert (group.metrics, [result.system for result in group.results]) == (("parzen_nats",), ["Adversarial nets"])


def test_only_metrics_that_the_trials_have_are_named(drawn):
    (group,) = beside(drawn(), {"metrics": ("frechet", "parzen_nats", "another")})
    assert group.metrics == ("frechet", "parzen_nats")


@pytest.mark.parametrize(
    "facts",
    [{"task": "clips"}, {"metrics": ("another",)}, {"options": {"num_samples": 10}}, {"options": {"unknown": 1}}],
    ids=["task", "metric", "option", "unknown option"],
)
def test_results_of_another_protocol_of_ours_stand_elsewhere(drawn, facts):
    assert beside(drawn(), facts) == ()


def test_results_whose_options_agree_stand_on_the_board(drawn):
    assert len(beside(drawn(), {"options": {"num_samples": 200}})) == 1


def test_a_board_on_which_everything_failed_has_none(make):
    assert beside(make.frame([make.failure("crashed", "killed", task="digit_samples")]), {}) == ()


def test_results_keep_the_order_of_their_table(drawn):
    (group,) = beside(drawn(), {"value": 1.0}, {"value": 3.0}, {"value": 2.0})
    assert [result.value for result in group.results] == [1.0, 3.0, 2.0]


def test_results_that_differ_in_another_way_are_a_group_of_their_own(drawn):
    groups = beside(drawn(), {}, {"differs": "clothes there, digits here."})
    assert [group.differs for group in groups] == ["784 pixels there, 64 here.", "clothes there, digits here."]


def test_neighbours_of_one_source_say_it_once(drawn, loaded):
    report = make_report(
        drawn(), registry=loaded({}, {"system": "Second"}, {"system": "Third", "source": "Other 2020"})
    )
    page = html.render(report)
    assert page.count("Goodfellow et al. 2014 Table 1") == 1
    assert page.count('rowspan="2"') == 3
