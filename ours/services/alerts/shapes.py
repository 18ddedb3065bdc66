"""What a webhook is posted: its host says whose it is, and so in which shape it wants its alerts."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from urllib.parse import unquote, urlsplit

from ours import clock
from ours.core import concerns
from ours.core.concerns import News

_CARD = 27_000
"""Bytes, a letter that is not ASCII taking six."""
_BREAKS = str.maketrans({"@": "@\N{WORD JOINER}"})
_SLACKS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"}) | _BREAKS


@dataclass(frozen=True, slots=True)
class Post:
    """``document`` is what goes out as JSON."""

    url: str
    document: dict[str, Any]


def posts(url: str, news: Sequence[News]) -> list[Post]:
    """One for all of it; to a pager one for each alert, which opens its incident or resolves it.

    :raises ValueError: when the address can't be read, or lacks a pager's key.
    """
    host = urlsplit(url).hostname or ""
    shape = next((one for end, one in _SHAPES.items() if f".{host}".endswith(f".{end}")), _ours)
    return list(shape(url, news))


def _ours(url: str, news: Sequence[News]) -> Iterator[Post]:
    """Slack and its like show ``text`` and leave the rest; whoever reads it by program reads ``alerts``."""
    text = _inert(news, _SLACKS)
    yield Post(url, {"text": text, "alerts": [_document(one) for one in news]})


def _google_chat(url: str, news: Sequence[News]) -> Iterator[Post]:
    """It refuses what it does not know. Its marks are Slack's; it takes 4,096 characters."""
    yield Post(url, {"text": _inert(news, _SLACKS)[:4_000]})


def _discord(url: str, news: Sequence[News]) -> Iterator[Post]:
    """It takes 2,000 characters."""
    text = _inert(news, _BREAKS)[:2_000]
    yield Post(url, {"content": text, "allowed_mentions": {"parse": []}})


def _teams(url: str, news: Sequence[News]) -> Iterator[Post]:
    """A card, as a workflow “When a Teams webhook request is received” wants it. With its frame it takes 28 KB."""
    blocks = [{"type": "TextBlock", "text": line, "wrap": True} for line in _inert(news, _BREAKS).split("\n")]
    sizes = accumulate(len(json.dumps(block)) + 2 for block in blocks)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block for block, size in zip(blocks, sizes, strict=True) if size <= _CARD],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    yield Post(url, {"type": "message", "attachments": [attachment]})


def _pagerduty(url: str, news: Sequence[News]) -> Iterator[Post]:
    """Events API v2; the routing key stands where an address has its user. Told twice, it is one incident."""
    parts = urlsplit(url)
    if not parts.username:
        raise ValueError(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    for one in news:
        event: dict[str, Any] = {
            "routing_key": unquote(parts.username),
            "event_action": "resolve" if one.stage == "resolved" else "trigger",
            "dedup_key": f"ours {one.kind} {one.subject} {one.since}"[:255],
            "payload": {
                "summary": one.said[:1024],
                "source": one.subject or "ours",
                "severity": "info" if one.stage == "test" else "error",
                "timestamp": clock.iso(one.since),
                "class": one.kind,
                "custom_details": {"remedy": one.advice},
            },
        }
        yield Post(address, event)


_SHAPES: dict[str, Callable[[str, Sequence[News]], Iterator[Post]]] = {
    "chat.googleapis.com": _google_chat,
    "discord.com": _discord,
    "logic.azure.com": _teams,
    "api.powerplatform.com": _teams,
    "events.pagerduty.com": _pagerduty,
    "events.eu.pagerduty.com": _pagerduty,
}


def _inert(news: Sequence[News], marks: Mapping[int, str]) -> str:
    """All of it as text in which no name calls people or makes a link where ``marks`` are read."""
    text = concerns.text(news).translate(marks)
    return text.replace("://", ":\N{WORD JOINER}//").replace("](", "]\N{WORD JOINER}(")


def _document(news: News) -> dict[str, Any]:
    return {
        "kind": news.kind,
        "subject": news.subject or None,
        "state": news.stage,
        "message": news.words,
        "remedy": concerns.remedy(news.kind) or None,
        "since": clock.iso(news.since),
    }
