"""Every verb is documented, in the words it uses itself."""

from pathlib import Path

from ours.cli.document import document


def test_the_page_about_the_command_line_is_what_the_commands_say() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
    assert page.read_text() == document(), "run: python -m ours.cli.document > docs/cli.md"
