"""What no ``except`` can stop is met in a child: it sets its plugin aside, and ends nobody else."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from ours.registry.child import Child

PLUGIN = """
from ours.plugin import Destination, Request, hookimpl

class Mine(Destination):
    slug = __name__.rpartition("_")[0].rpartition("_")[2]
    label = "Mine"
    def build(self, delivery):
        return Request("POST", "https://example.com/")

@hookimpl
def register_destinations():
    return [Mine]
"""
_LOAD = """
import json, sys, threading
from pathlib import Path
from ours import timebox
from ours.registry import apart, child, load
from ours.settings import load as settings
timebox.SECONDS, apart._MORE, apart._MOMENT, child.MOST_MB, child.MOST_THREADS = 3.0, 3.0, 3.0, 200, 20
if "threads" in sys.argv:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
registry = load(settings({"OURS_HOME": sys.argv[1], "OURS_PLUGINS_DIR": sys.argv[1]}))
print(json.dumps([[one.slug for one in registry.loaded if one.origin == "drop-in"],
                  {one.name: one.reason for one in registry.set_aside}]))
"""
ENDS = {
    "crashes": ("import ctypes\nctypes.string_at(0)",
                "It ended the process (SIGSEGV) while it was tried (crashes.py, line 2, in <module>)."),
    "exits": ("import ctypes\nctypes.CDLL(None)._exit(3)", "It ended the process (status 3) while it was tried."),
    "is_killed": ("import os\nos.kill(os.getpid(), 9)", "It ended the process (SIGKILL) while it was tried."),
    "turns_round": ("import collections, itertools\ncollections.deque(itertools.count(), maxlen=0)",
                    "It had not ended after 6 seconds while it was tried (turns_round.py, line 2, in <module>)."),
    "takes_memory": ("taken = []\nwhile True: taken.append(bytearray(10_000_000))",
                     "It took more than 200 MB of memory while it was tried (takes_memory.py, line 2, in <module>)."),
    "starts_threads": (PLUGIN + "from threading import *\nend = Event()\ndef more():\n"
                       "    while True: Thread(target=end.wait).start()\nThread(target=more).start()",
                       "It started more than 20 threads while it was tried"),
    "closes_files": (PLUGIN + "import os\nos.closerange(3, 200)",
                     "It closed a file that is not its own while it was tried."),
    "crashes_as_it_is_made": (PLUGIN.replace('label = "Mine"', 'label = "Mine"\n    def __init__(self): os.abort()')
                              + "import os", "It ended the process (SIGABRT) while it was tried (crashes_as"),
    "replaces_json": (PLUGIN + "import json\njson.dumps = lambda *_, **__: '{}'", "It replaced json.dumps, which all"),
    "only_raises": ("1 / 0", "It raised an error while it was imported: ZeroDivisionError: division by zero (only_"),
}  # fmt: skip
Loading = Callable[..., "tuple[list[str], dict[str, str], str]"]


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Loading:
    def load(plugins: dict[str, str], *words: str) -> Any:
        home = tmp_path_factory.mktemp("home")
        for name, text in plugins.items():
            (home / f"{name}.py").write_text(text)
        program = [sys.executable, "-c", _LOAD, str(home), *words]
        ended = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True)
        return *json.loads(ended.stdout.splitlines()[-1]), ended.stderr

    return load


@pytest.fixture(scope="module")
def loaded(loading: Loading) -> tuple[list[str], dict[str, str], str]:
    """What becomes of them all, beside two that are sound."""
    plugins = {name: text for name, (text, _) in ENDS.items()} | {"aaa": PLUGIN, "zzz": PLUGIN}
    return loading(plugins)


@pytest.mark.parametrize(("name", "reason"), [(name, reason) for name, (_, reason) in ENDS.items()])
def test_a_plugin_that_ends_its_process_or_never_ends_is_set_aside(
    name: str, reason: str, loaded: tuple[list[str], dict[str, str], str]
) -> None:
    assert loaded[1][name].startswith(reason)


def test_the_others_are_loaded_all_the_same(loaded: tuple[list[str], dict[str, str], str]) -> None:
    assert loaded[0] == ["aaa", "zzz"]
    assert set(loaded[1]) == set(ENDS)


def test_what_a_plugin_prints_is_said_once_and_so_is_what_one_says_that_crashes(loading: Loading) -> None:
    sound, crashes = PLUGIN + "print('I am sound')", "print('I crash')\nimport os\nos.abort()"
    _, set_aside, said = loading({"sound": sound, "crashes": crashes})
    assert list(set_aside) == ["crashes"]
    assert (said.count("I am sound"), said.count("I crash"), said.count("Fatal Python error")) == (1, 1, 0)


def test_a_process_that_a_plugin_leaves_behind_ends_with_its_trial(loading: Loading, tmp_path: Path) -> None:
    note = tmp_path / "left"
    forks = f"import os, pathlib, time\nif not os.fork():\n    pathlib.Path({str(note)!r}).write_text(str(os.getpid()))"
    loading({"forks": f"{forks}\n    time.sleep(600)\nwhile not pathlib.Path({str(note)!r}).exists(): pass\n1 / 0"})
    left, ends = int(note.read_text()), time.monotonic() + 30
    while time.monotonic() < ends and not _has_ended(left):
        time.sleep(0.05)
    assert _has_ended(left)


@pytest.mark.parametrize(("words", "tries"), [([], 2), (["threads"], 1)])
def test_nobody_is_tried_apart_where_other_threads_may_hold_something_locked(
    words: list[str], tries: int, loading: Loading, tmp_path: Path
) -> None:
    notes = tmp_path / "tries"
    loading({"sound": f"{PLUGIN}\nopen({str(notes)!r}, 'a').write('once\\n')"}, *words)
    assert notes.read_text() == "once\n" * tries


def test_a_trial_that_could_not_be_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last words of this process would find their place taken."""
    monkeypatch.setattr(os, "fork", Mock(side_effect=BlockingIOError(11, "Resource temporarily unavailable")))
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            Child(Mock())


def test_who_checks_such_a_plugin_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "crashes.py").write_text("import os\nos.abort()")
    program = [sys.executable, "-m", "ours", "plugin", "check", str(tmp_path / "crashes.py")]
    checked = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 1
    assert "crashes would be set aside: It ended the process (SIGABRT) while it was tried" in checked.stderr


def _has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"
