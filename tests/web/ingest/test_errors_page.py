"""``docs/errors.md`` and the registries of codes say the same."""

from pathlib import Path

from ours.core.notices import WARNINGS
from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def rows() -> list[str]:
    return [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]


def test_the_page_lists_every_code_in_the_registrys_words_and_no_other() -> None:
    refusals = [
        f"| `{code}` | {problem.status} | {problem.meaning} | {problem.remedy} |" for code, problem in PROBLEMS.items()
    ]
    in_rows = [f"| `{code}` | {problem.meaning} | {problem.remedy} |" for code, problem in ROW_PROBLEMS.items()]
    warnings = [
        f"| `{code}` | {advice.message.replace('{}', '…')} | {advice.remedy} |" for code, advice in WARNINGS.items()
    ]
    assert rows() == refusals + in_rows + warnings
