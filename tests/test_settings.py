"""Settings: all problems at once, each by its name; the page of documentation is the code's."""

import errno
import os
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ours import settings
from ours.errors import SettingsInvalid

ROOT = Path(__file__).resolve().parents[1]


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    wrong = {
        "OURS_HOME": str(tmp_path),
        "OURS_PORT": "eighty",
        "OURS_ALLOW_NETWORKS": "10.0.0.0/99",
        "OURS_SECRET_KEYS": "short",
        "OURS_REDIS_URL": "ftp://x",
        "OURS_LOG_LEVEL": "LOUD",
    }
    with pytest.raises(SettingsInvalid) as caught:
        settings.load(wrong)
    assert set(caught.value.problems) == set(wrong) - {"OURS_HOME"}


def test_the_first_start_makes_a_closed_folder_and_one_lasting_key(tmp_path: Path) -> None:
    home = tmp_path / "data"
    first = settings.load({"OURS_HOME": str(home)})
    again = settings.load({"OURS_HOME": str(home)})
    assert first.secret_keys == again.secret_keys
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("given", [{}, {"OURS_DATABASE_URL": "sqlite:///{}/other.db"}])
def test_a_key_that_is_gone_is_not_made_anew_beside_what_it_sealed(tmp_path: Path, given: dict[str, str]) -> None:
    """A command would seal with it, and whoever puts the old one back would throw it away."""
    environ = {"OURS_HOME": str(tmp_path)} | {name: value.format(tmp_path) for name, value in given.items()}
    (key,) = settings.load(environ).secret_keys
    (tmp_path / ("other.db" if given else "ours.db")).write_bytes(b"SQLite")
    assert settings.load(environ).secret_keys == (key,)
    (tmp_path / "secret.key").unlink()
    with pytest.raises(SettingsInvalid, match="Put that file back"):
        settings.load(environ)
    assert not (tmp_path / "secret.key").exists()


def test_a_database_that_holds_nothing_was_sealed_by_nobody(tmp_path: Path) -> None:
    """Whoever looks with `sqlite3` before the first start leaves such a file."""
    (tmp_path / "ours.db").touch()
    assert settings.load({"OURS_HOME": str(tmp_path)}).secret_keys


def test_no_secret_stands_in_what_is_printed_of_them(tmp_path: Path) -> None:
    given = {
        "OURS_SECRET_KEYS": "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=",
        "OURS_DATABASE_URL": "postgresql://ours:canary@db/ours",
        "OURS_REDIS_URL": "redis://:canary@queue/0",
        "OURS_METRICS_TOKEN": "canary",
        "OURS_ALERT_WEBHOOK": "https://hooks.example.com/canary",
        "OURS_SMTP_URL": "smtp://ours:canary@mail",
    }
    made = settings.load({"OURS_HOME": str(tmp_path)} | given)
    assert made.secret_keys[0].startswith(b"canary")
    assert "canary" not in repr(made)


def test_a_home_that_cannot_be_used_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsInvalid, match="OURS_HOME"):
        settings.load({"OURS_HOME": str(tmp_path / "file" / "data")})


@pytest.mark.parametrize("port", ["0", "65536", "80000", "-1"])
def test_a_port_that_there_is_not_is_refused(tmp_path: Path, port: str) -> None:
    with pytest.raises(SettingsInvalid, match="OURS_PORT"):
        settings.load({"OURS_HOME": str(tmp_path), "OURS_PORT": port})


def test_a_name_is_no_address_to_listen_on(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"OURS_HOST: Must be an IP address: 127\.0\.0\.1"):
        settings.load({"OURS_HOME": str(tmp_path), "OURS_HOST": "localhost"})


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "localhost"), ("::1", "[::1]"), ("10.0.0.1", "10.0.0.1")])
def test_the_address_that_is_shown_opens(tmp_path: Path, host: str, address: str) -> None:
    shown = settings.load({"OURS_HOME": str(tmp_path), "OURS_HOST": host}).address
    assert shown == f"http://{address}:8000"


def test_an_empty_variable_means_the_default(tmp_path: Path) -> None:
    assert settings.load({"OURS_HOME": str(tmp_path), "OURS_PORT": ""}).port == 8000


def test_the_queues_socket_fits_into_a_socket_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    assert len(str(settings.load({"OURS_HOME": str(deep)}).queue_socket)) < 104


def test_the_page_about_settings_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings.document()


def test_processes_that_start_together_read_the_same_whole_ring(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for round_ in range(40):
            home = tmp_path / str(round_)
            rings = list(pool.map(lambda _, home=home: settings.load({"OURS_HOME": str(home)}).secret_keys, range(8)))
            assert len(set(rings)) == 1
            assert [len(key) for key in rings[0]] == [32]
            assert [one.name for one in home.iterdir()] == ["secret.key"]


def test_the_ring_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[bool, int]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        flushed.append(((tmp_path / "secret.key").exists(), os.fstat(handle).st_size))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    settings.load({"OURS_HOME": str(tmp_path)})
    (named, size), (named_then, _) = flushed
    assert (named, size, named_then) == (False, 44, True)  # first the file with the key, then the folder


def test_a_disk_that_takes_no_key_is_left_without_a_piece_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each start that fails would leave another."""

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsInvalid, match="No space left"):
        settings.load({"OURS_HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "\n", "no key", "AAAA"])
def test_a_file_without_keys_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret.key").write_text(content)
    with pytest.raises(SettingsInvalid, match=r"secret\.key holds no secret keys\. Put back"):
        settings.load({"OURS_HOME": str(tmp_path)})
    assert (tmp_path / "secret.key").read_text() == content


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("OURS_SMTP_URL", "smtp://mail:abc", "port must be a number"),
        ("OURS_SMTP_URL", "smtp://user:p@", "name a host"),
        ("OURS_SMTP_URL", "smtps://user:p%C3%A4ss@mail", "plain ASCII"),
        ("OURS_ALERT_WEBHOOK", "https://hooks.example.com:99999/x", "port must be a number"),
        ("OURS_ALERT_WEBHOOK", "https:///x", "name a host"),
        ("OURS_ALERT_FROM", "Ours <ours@example.com>", "address alone"),
        ("OURS_PROXY", "http://proxy:99999", "port must be a number"),
        ("OURS_REDIS_URL", "redis://queue:xx", "port must be a number"),
        ("OURS_REDIS_URL", "redis://queue/ours", "redis://host:6379/0"),
        ("OURS_REDIS_URL", "unix://", "unix:///path"),
        ("OURS_METRICS_TOKEN", " abc ", "without blanks"),
        ("OURS_METRICS_TOKEN", "geheim-ä", "ASCII"),
        ("OURS_WEB_THREADS", "1", "from 2 to 1024"),
        ("OURS_DELIVER_WORKERS", "99999999999", "from 1 to 256"),
        ("OURS_KEEP_HELD_DAYS", "99999999999999", "from 1 to 36500"),
        ("OURS_MIN_FREE_MB", "200MB", "without a unit"),
    ],
)
def test_what_could_never_work_is_refused_and_says_how_it_must_be(
    tmp_path: Path, name: str, value: str, mend: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings.load({"OURS_HOME": str(tmp_path), name: value})
    assert mend in caught.value.problems[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OURS_REDIS_URL", "rediss://user:p%40ss@queue.example.com:6380/1?ssl_cert_reqs=required"),
        ("OURS_REDIS_URL", "redis://:secret@[::1]"),
        ("OURS_REDIS_URL", "unix:///run/valkey.sock?db=1"),
        ("OURS_SMTP_URL", "smtp://user%40example.com:p%2Fw@mail.example.com"),
        ("OURS_PROXY", "http://10.1.2.3:3128/"),
        ("OURS_ALERT_WEBHOOK", "https://hooks.slack.com/services/T0/B0/x"),
    ],
)
def test_an_address_that_can_be_used_is_taken(tmp_path: Path, name: str, value: str) -> None:
    loaded = settings.load({"OURS_HOME": str(tmp_path), name: value})
    assert getattr(loaded, name.removeprefix("OURS_").lower()) == value


@pytest.mark.parametrize("between", [" ", ";", "\n"])
def test_a_second_key_is_not_passed_over_because_no_comma_parts_it(tmp_path: Path, between: str) -> None:
    keys = [urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 250)]
    with pytest.raises(SettingsInvalid, match="commas part them"):
        settings.load({"OURS_HOME": str(tmp_path), "OURS_SECRET_KEYS": between.join(keys)})
    assert len(settings.load({"OURS_HOME": str(tmp_path), "OURS_SECRET_KEYS": ", ".join(keys)}).secret_keys) == 2
