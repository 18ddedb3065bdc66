"""A plugin that crashes its worker is at fault as if it had raised something; what else the worker had is another's."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from ours import lastwords
from ours.services.deliver import Deliver
from ours.store.tables import attempts, destinations, dispatches
from tests.services.conftest import Place
from tests.services.scripted import Scripted, route_all, scripted, sweep_of

_CRASH = """
import ctypes, os, sys, threading
from pathlib import Path
from ours import lastwords, timebox
def crashes():
    ctypes.string_at(0)
def never_ends():
    import collections, itertools
    collections.deque(itertools.count(), maxlen=0)
def without_python():
    ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, ctypes.c_void_p(8), None)
    threading.Event().wait()
def crashes_beside_a_child():
    from ours import processes
    processes.keep_locks()
    if not os.fork():
        os.close(1), os.close(2)
        threading.Event().wait(20)
        os._exit(0)
    ctypes.string_at(0)
def elsewhere():
    beside = threading.Thread(target=lambda: lastwords.doing("read 9 another", threading.Event().wait), daemon=True)
    beside.start()
    own = threading.Thread(target=lambda: lastwords.doing(words, crashes))
    own.start()
    own.join()
timebox.TICK, timebox.LAST_RESORT = 0.1, 0.3
home, who, words, how = sys.argv[1:]
with lastwords.kept(Path(home), who), timebox.armed():
    if how == "elsewhere":
        elsewhere()
    elif how == "nobody":
        lastwords.doing(words, int)
        crashes()
    else:
        lastwords.doing(words, lambda: timebox.limited(globals()[how]))
"""


def crash(home: Path, who: str, words: str, how: str = "crashes") -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _CRASH, str(home), who, words, how], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode < 0, ended.stderr


def files(home: Path) -> list[Path]:
    return list(home.glob("last-words.*"))


@pytest.mark.parametrize("how", ["crashes", "never_ends", "elsewhere"])
def test_whoever_starts_next_reads_whose_call_it_was_and_in_which_function(tmp_path: Path, how: str) -> None:
    crash(tmp_path, "host:7:abc", "build 3 someid", how)
    (words,) = lastwords.left(tmp_path)
    assert (words.who, words.doing) == ("host:7:abc", "build 3 someid")
    assert any(frame.function == ("never_ends" if how == "never_ends" else "crashes") for frame in words.frames)
    assert words.cause == ("It did not end" if how == "never_ends" else "Segmentation fault")
    assert files(tmp_path) == []
    assert list(lastwords.left(tmp_path)) == []


def test_a_call_that_had_ended_is_not_to_blame(tmp_path: Path) -> None:
    crash(tmp_path, "host:7:abc", "build 3 someid", "nobody")
    assert [words.doing for words in lastwords.left(tmp_path)] == [""]


def test_a_crash_in_a_thread_that_python_does_not_know_is_told_and_nobody_is_to_blame(tmp_path: Path) -> None:
    crash(tmp_path, "host:7:abc", "build 3 someid", "without_python")
    assert list(lastwords.left(tmp_path)) == [("host:7:abc", "", "Segmentation fault", [])]


def test_a_child_that_a_plugin_forked_and_left_keeps_no_last_words_back(tmp_path: Path) -> None:
    crash(tmp_path, "host:7:abc", "build 3 someid", "crashes_beside_a_child")
    assert [words.doing for words in lastwords.left(tmp_path)] == ["build 3 someid"]


def test_where_few_files_may_be_open_last_words_are_kept_all_the_same(tmp_path: Path) -> None:
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom ours import lastwords\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "def told():\n    return b'words' in (Path(sys.argv[1]) / 'last-words.abc').read_bytes()\n"
        "with lastwords.kept(Path(sys.argv[1]), 'host:7:abc'):\n    print(lastwords.doing('words', told))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, timeout=60, text=True, check=True
    )
    assert ended.stdout == "True\n"


def test_who_still_lives_has_said_no_last_word_and_who_ends_well_leaves_none(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom ours import lastwords\n"
        "with lastwords.kept(Path(sys.argv[1]), 'host:7:abc'):\n    print('here', flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as lives:
        assert lives.stdout
        assert lives.stdin
        assert lives.stdout.readline() == "here\n"
        assert list(lastwords.left(tmp_path)) == []
        assert len(files(tmp_path)) == 1
        lives.stdin.write("\n")
    assert files(tmp_path) == []


def test_where_nothing_can_be_written_all_goes_on(tmp_path: Path) -> None:
    with lastwords.kept(tmp_path / "missing", "host:7:abc"):
        assert lastwords.doing("build 3 someid", lambda: 7) == 7


@pytest.fixture
def deadly(place: Place) -> Place:
    scripted(place)
    place.destinations.add("scripted", "Deadly", {}, events=["*"], actor="cli")
    return place


def crashed(place: Place, verb: str, *, of_many: bool = False) -> None:
    """A worker has all that is due in hand, and crashes in a plugin's call; another starts."""
    dead = Deliver(place.store, place.registry, place.settings)
    dead._turn(claim=True)
    dead.close()
    with place.store.read() as connection:
        row = connection.execute(sa.select(dispatches).where(dispatches.c.state == "sending").limit(1)).one()
    crash(place.settings.home, dead.holder, f"{verb} {row.destination_id} {'-' if of_many else row.id}")
    place.begin_anew()


def test_words_that_say_nothing_and_what_can_not_be_read_keep_no_worker_from_its_work(deadly: Place) -> None:
    deadly.track()
    route_all(deadly)
    crash(deadly.settings.home, "host:7:abc", "nonsense")
    crash(deadly.settings.home, "host:7:abd", "build 99999999999999999999 someid")
    (deadly.settings.home / "last-words.folder").mkdir()
    (deadly.settings.home / "last-words.short").write_bytes(b"\xff")
    (deadly.settings.home / "last-words.garbage").write_bytes(b"\xff" * 20_000 + b"\nFatal Python error: \xff\n")
    deadly.work()
    assert standing(deadly) == [("delivered", None)]
    assert [one.name for one in files(deadly.settings.home)] == ["last-words.folder"]


def standing(place: Place) -> list[tuple[str, str | None]]:
    with place.store.read() as connection:
        query = sa.select(dispatches.c.state, dispatches.c.reason).order_by(dispatches.c.state)
        return [(row.state, row.reason) for row in connection.execute(query)]


@pytest.mark.parametrize("mode", ["live", "test"])
def test_what_crashes_the_worker_while_it_is_built_is_rejected_at_once_and_crashes_no_other(
    deadly: Place, mode: str
) -> None:
    deadly.track(mode=mode)
    deadly.track(mode=mode, user_id="u2")
    route_all(deadly)
    crashed(deadly, "build")
    deadly.work()
    assert standing(deadly) == [("rejected", "build_failed"), ("sending", None)]
    with deadly.store.read() as connection:
        row = connection.execute(sa.select(attempts)).one()
        refusals = connection.scalar(sa.select(destinations.c.breaker_refusals))
    assert (row.outcome, row.code, row.number) == ("rejected", "build_failed", 1)
    assert refusals == (1 if mode == "live" else 0)
    assert Scripted.sent == []
    assert deadly.difference() == 0


@pytest.mark.parametrize("verb", ["read", "send"])
def test_of_what_may_have_arrived_when_the_worker_crashed_nobody_says_that_it_did_not(deadly: Place, verb: str) -> None:
    deadly.track()
    route_all(deadly)
    crashed(deadly, verb)
    deadly.work()
    assert standing(deadly) == [("sending", None)]
    with deadly.store.write() as connection:
        connection.execute(sa.update(dispatches).values(lease_until=0))
    sweep_of(deadly).run()
    assert standing(deadly) == [("held", "ambiguous")]


@pytest.mark.parametrize("verb", ["build", "read", "send", "pack", "read_token"])
def test_a_plugin_that_crashed_five_workers_in_a_row_is_paused_and_the_others_go_on(deadly: Place, verb: str) -> None:
    for number in range(5):
        deadly.track(user_id=f"u{number}")
        route_all(deadly)
        with deadly.store.read() as connection:
            assert connection.scalar(sa.select(destinations.c.status)) == "on"
        crashed(deadly, verb, of_many=verb in {"pack", "read_token"})
        deadly.work()
    with deadly.store.read() as connection:
        row = connection.execute(sa.select(destinations)).one()
    expected = {"read": "read_failed", "send": "send_failed"}.get(verb, "build_failed")
    assert (row.status, row.paused_for) == ("paused", expected)


def test_what_another_took_over_meanwhile_is_not_rejected(deadly: Place) -> None:
    deadly.track()
    route_all(deadly)
    with deadly.store.read() as connection:
        row = connection.execute(sa.select(dispatches)).one()
    crash(deadly.settings.home, "host:7:abc", f"build {row.destination_id} {row.id}")
    deadly.begin_anew()
    deadly.work()
    assert standing(deadly) == [("delivered", None)]
