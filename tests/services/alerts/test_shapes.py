"""What chats and pagers are posted: as their documentation wants it, whatever the names of things are."""

import json

import pytest

from ours.core.concerns import News
from ours.services.alerts.shapes import Post, posts

NAME = "A&B @everyone [here](https://evil.example)"
OPENED = News("failing", "destination 3", "opened", f"“{NAME}” fails.", 1_800_000_000_000)
ENDED = News("failing", "destination 3", "resolved", f"“{NAME}” fails.", 1_800_000_000_000)
MANY = [News(f"k{n}", "", "opened", "x" * 300, 0) for n in range(50)]


def only(url: str, *news: News) -> Post:
    (post,) = posts(url, news)
    return post


@pytest.mark.parametrize("url", ["https://hooks.slack.com/services/T/B/x", "https://notdiscord.com/", "http://chat/"])
def test_any_other_webhook_gets_the_text_and_the_alerts(url: str) -> None:
    post = only(url, OPENED)
    assert post.url == url
    assert set(post.document) == {"text", "alerts"}


def test_google_chat_gets_nothing_that_it_does_not_know_and_no_more_than_it_takes() -> None:
    url = "https://chat.googleapis.com/v1/spaces/x/messages?key=k&token=t"
    assert list(only(url, OPENED).document) == ["text"]
    assert len(only(url, *MANY).document["text"].encode()) <= 4_096


def test_discord_calls_nobody_and_gets_no_more_than_it_takes() -> None:
    document = only("https://discord.com/api/webhooks/1/x", OPENED).document
    assert document["allowed_mentions"] == {"parse": []}
    assert "@everyone" not in document["content"]
    assert "](https" not in document["content"]
    assert len(only("https://discord.com/api/webhooks/1/x", *MANY).document["content"]) <= 2_000


@pytest.mark.parametrize("host", ["prod-1.westus.logic.azure.com:443", "a.b.environment.api.powerplatform.com"])
def test_a_workflow_of_teams_gets_a_card(host: str) -> None:
    document = only(f"https://{host}/workflows/x/triggers/manual?sig=y", OPENED, ENDED).document
    (attachment,) = document["attachments"]
    assert document["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    lines = [block["text"] for block in attachment["content"]["body"]]
    assert [line.partition("“")[0] for line in lines] == ["", "Resolved: "]
    assert "](https" not in lines[0]


@pytest.mark.parametrize("name", ["x" * 300, "配信先" * 60, "x"])
def test_a_card_for_teams_is_no_larger_than_they_take(name: str) -> None:
    """When the network is down, each destination has its alert."""
    news = [News(f"k{number}", "", "opened", f"“{name}” {number}", 0) for number in range(1_000)]
    document = only("https://x.logic.azure.com/workflows/x", *news).document
    assert 25 * 1024 <= len(json.dumps(document)) <= 28 * 1024
    assert " 0" in document["attachments"][0]["content"]["body"][0]["text"]


def test_a_pager_gets_one_event_for_each_and_its_end_has_the_same_key() -> None:
    url = "https://R0%2FUT@events.pagerduty.com/v2/enqueue"
    opened, ended, other = posts(url, [OPENED, ENDED, MANY[0]])
    assert opened.url == "https://events.pagerduty.com/v2/enqueue"
    assert opened.document["routing_key"] == "R0/UT"
    assert [one.document["event_action"] for one in (opened, ended, other)] == ["trigger", "resolve", "trigger"]
    assert opened.document["dedup_key"] == ended.document["dedup_key"] != other.document["dedup_key"]
    payload = opened.document["payload"]
    assert (payload["summary"], payload["severity"]) == (OPENED.words, "error")
    assert payload["timestamp"].startswith("2027-01-15T08:00:00")
    assert "probed" in payload["custom_details"]["remedy"]


def test_a_pager_without_a_key_can_not_be_told() -> None:
    with pytest.raises(ValueError, match="enqueue"):
        posts("https://events.pagerduty.com/v2/enqueue", [OPENED])
