"""The log: one line an event, whoever says it, and nothing of a person in it."""

import json
import logging

import pytest

from ours import log

_JANE = "jane@canary.example"


def test_what_a_library_says_is_a_line_of_json_too_with_its_traceback_and_without_people(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("INFO", "json")
    try:
        int(_JANE)
    except ValueError:
        logging.getLogger("sqlalchemy.pool").exception("Exception during reset of %s", _JANE)
    logging.getLogger("sqlalchemy.pool").info("Not of interest.")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["room"], said["level"]) == ("sqlalchemy.pool", "error")
    assert said["event"].startswith("Exception during reset of ")
    assert "ValueError: invalid literal for int()" in said["exception"]
    assert _JANE not in line


def test_at_a_terminal_a_library_speaks_as_we_do(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "text")
    logging.getLogger("granian").warning("Slow\x1b[2J.")
    said = capsys.readouterr().err
    assert "Slow\\x1b[2J." in said
    assert "granian" in said
