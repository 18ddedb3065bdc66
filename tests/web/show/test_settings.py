"""Settings in view: all of them, with where each comes from, and no secret."""

import re
from collections.abc import Callable, Iterator

import pytest

from ours import settings
from ours.bootstrap import Ours
from ours.settings import Settings, SettingsSchema
from tests.web.show.conftest import Browser


@pytest.fixture
def here(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Ours]:
    make_database_url("sqlite")
    opened = Ours(
        make_settings(
            metrics_token="canary-metrics",
            alert_webhook="https://hooks.example.com/services/canary-webhook",
            smtp_url="smtp://mailer:canary-mail@mail.example.com:587",
            redis_url="redis://:canary-queue@127.0.0.1:1/0",
            allow_networks="127.0.0.0/8,10.1.0.0/16",
        )
    )
    yield opened
    opened.close()


def _row(page: str, variable: str) -> str:
    found = re.search(rf"<code>{variable}</code></td>(.*?)</tr>", page, re.S)
    assert found, variable
    return re.sub(r"<[^>]+>|\s+", " ", found[1])


def test_every_setting_says_its_value_and_where_it_comes_from(admin: Browser) -> None:
    page = admin.page("/settings")
    for name in SettingsSchema().fields:
        assert _row(page, f"OURS_{name.upper()}")
    assert re.search(r"4 +default +Requests", _row(page, "OURS_WEB_THREADS"))
    assert re.search(r"127\.0\.0\.0/8, 10\.1\.0\.0/16 +environment .*Default: none", _row(page, "OURS_ALLOW_NETWORKS"))
    assert re.search(r"not set +default", _row(page, "OURS_PROXY"))


def test_no_secret_stands_there(admin: Browser, here: Ours) -> None:
    page = admin.page("/settings")
    assert "canary" not in page
    assert "smtp://••••@mail.example.com:587" in page
    for variable in ("OURS_METRICS_TOKEN", "OURS_ALERT_WEBHOOK", "OURS_SECRET_KEYS"):
        assert "•••••• (set)" in re.sub(" +", " ", _row(page, variable))
    assert "canary" not in repr(settings.shown(here.settings))


def test_whatever_sounds_secret_is_not_shown_plainly(here: Ours) -> None:
    """A setting that is added later, too."""
    kinds = {one.variable: one.kind for one in settings.shown(here.settings)}
    assert [
        name for name, kind in kinds.items() if kind == "plain" and re.search("KEY|TOKEN|SECRET|URL|HOOK|PASS", name)
    ] == []


def test_a_misspelt_variable_is_named(admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS_PROT", "8000")
    assert "<code>OURS_PROT</code>" in admin.page("/settings")


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_an_admin_sees_them(browser_of: Callable[[str], Browser], role: str) -> None:
    browser = browser_of(role)
    assert browser.get("/settings").status_code == 403
    assert 'href="/settings"' not in browser.page("/events")
