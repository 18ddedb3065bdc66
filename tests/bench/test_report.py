"""What is said about the figures."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import report
from bench.__main__ import main
from bench.children import Failed
from bench.finding import Contender, Finding, Plan, Ratio, compare, interleave
from bench.works import WORKS

PLAN = Plan(Path())


def finding(*values: float) -> Finding:
    measured = iter(values)
    contenders = [Contender(name, lambda: {"events/s": next(measured)}) for name in ("ours", "echo")]
    ours, echo = interleave(contenders, len(values) // 2, lambda _: None)
    return Finding("Single events", [ours, echo], [compare("ours ÷ echo", ours, echo, 0.5)])


def test_a_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    found = finding(100, 200, 10, 100, 90, 100)
    assert found.ratios[0].value == pytest.approx(0.5)
    assert found.ratios[0].met


def test_a_contender_that_did_nothing_is_no_measure() -> None:
    with pytest.raises(Failed, match="echo did nothing"):
        finding(100, 0)


def test_a_target_may_be_a_limit() -> None:
    assert Ratio("p50 (ms)", 5, 5, most=True).met
    assert not Ratio("p50 (ms)", 5.1, 5, most=True).met


def test_the_figures_of_a_document_are_renewed_and_its_words_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(page, {"track": finding(100, 200)}, PLAN)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "ours ÷ echo: 0.50 (target at least 0.50, met)" in text


def test_a_document_without_a_place_for_figures_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no place for figures"):
        report.write(page, {}, PLAN)


def test_the_page_about_performance_has_a_place_for_figures_and_names_every_work() -> None:
    text = (Path(__file__).parents[2] / "docs/performance.md").read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert [name for name in WORKS if f"`{name}`" not in text] == []


def test_an_unknown_work_is_refused_with_the_names_of_those_there_are() -> None:
    result = CliRunner().invoke(main, ["tarck"])
    assert result.exit_code == 2
    assert "'track'" in result.output


def test_figures_of_some_works_do_not_replace_those_of_all(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    result = CliRunner().invoke(main, ["track", "--write", str(page)])
    assert result.exit_code == 2
    assert not page.exists()
