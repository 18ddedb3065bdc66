"""The log: one line an event whoever logs it, without people; and nobody fails because it can't be written."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
import structlog

from ours import log
from tests.fulldisk import FullDisk


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    logging.captureWarnings(capture=False)  # whoever asked for it before, pytest took it away again
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**ours)


def test_whoever_logs_goes_on_when_the_log_can_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", FullDisk())
    log.configure(style="json")
    log.get("deliver").warning("destination_rests", destination=1)
    logging.getLogger("vendor").warning("hello")


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_a_plugin_logs_is_one_line_without_addresses(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    log.configure(style=style)
    logging.getLogger("vendor").warning('sent to %s\n{"event": "forged"}', "jane@example.com")
    logging.getLogger("vendor").info("not worth it")
    (line,) = lines.getvalue().splitlines()
    assert "vendor" in line
    assert "jane@" not in line


def test_a_fault_that_a_library_logs_is_a_json_line_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    log.configure(style="json")
    try:
        int("jane@example.com")
    except ValueError:
        logging.getLogger("vendor").exception("it failed")
    told = json.loads(lines.getvalue())
    assert (told["event"], told["level"], told["room"]) == ("it failed", "error", "vendor")
    assert "ValueError: invalid literal for int() with base 10: '••••'" in told["exception"]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_whose_values_do_not_fit_is_one_line_that_says_where(
    style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    log.configure(style=style)
    logging.getLogger("vendor").warning("sent %d", "Jane Doe")
    (line,) = lines.getvalue().splitlines()
    assert "line_unreadable" in line
    assert "test_log.py" in line
    assert "Jane" not in line


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_thread_that_falls_is_told_in_the_log_without_addresses(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    log.configure(style=style)
    for work in (lambda: int("jane@example.com"), sys.exit):
        thread = threading.Thread(target=work, name="sender")
        thread.start()
        thread.join()
    said = lines.getvalue()
    assert said.count("thread_failed") == 1
    assert "sender" in said
    told = said if style == "text" else json.loads(said)["exception"]
    assert "ValueError: invalid literal for int() with base 10: '••••'" in told


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("style", ["json", "text"])
def test_what_python_says_by_itself_is_in_the_log_without_addresses(
    style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    log.configure(style=style)
    _Falls()
    warnings.warn("jane@example.com can't be read", stacklevel=1)
    said = lines.getvalue()
    if style == "json":
        fall, warned = (json.loads(line) for line in said.splitlines())
        assert (fall["event"], fall["level"], warned["room"]) == ("unraisable", "error", "py.warnings")
        said = f"{fall['exception']}{warned['event']}"
    assert "int() with base 10: '••••'" in said
    assert "•••• can't be read" in said
    assert "jane@" not in said


class _Falls:
    def __del__(self) -> None:
        int("jane@example.com")


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_is_written_in_one_piece_so_that_no_other_stands_in_it(
    style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", pieces := _Pieces())
    log.configure(style=style)
    log.get("deliver").warning("destination_rests", said="y" * 20_000)
    logging.getLogger("vendor").warning("hello")
    assert [piece.count("\n") for piece in pieces.written] == [1, 1]
    assert all(piece.endswith("\n") for piece in pieces.written)


class _Pieces(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, text: str, /) -> int:
        self.written.append(text)
        return super().write(text)


def test_the_level_holds_for_libraries_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", lines := io.StringIO())
    log.configure("ERROR", "json")
    logging.getLogger("vendor").warning("slow")
    logging.getLogger("vendor").error("gone")
    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["gone"]
