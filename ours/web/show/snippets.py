"""Lines to paste that send a first event, with a source's own key in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import indent

from flask import request

from ours.core import subjects
from ours.errors import Busy
from ours.services.sources import Key
from ours.web.current import ours
from ours.web.show.door import may, person

TRACK = {"event": "Purchase", "userId": "user123", "properties": {"amount": 99.99, "product": "Premium Plan"}}
IDENTIFY = {"userId": "user123", "userProperties": {"first_name": "John", "custom_properties": {"plan": "premium"}}}

_PYTHON = """\
# pip install oursprivacy-client
from ours_privacy import OursPrivacy

client = OursPrivacy(base_url="{base}")

client.track.event(
    token="{token}",
    event="Purchase",
    user_id="user123",
    distinct_id="order-2001",  # your own id: if sent twice, it counts once
    event_properties={{"amount": 99.99, "product": "Premium Plan"}},
)
client.visitor.upsert(
    token="{token}",
    user_id="user123",
    user_properties={{"first_name": "John", "custom_properties": {{"plan": "premium"}}}},
)
"""


_NODE = """\
// npm install @oursprivacy/server-sdk
import OursPrivacy from "@oursprivacy/server-sdk";

const client = new OursPrivacy({{ baseURL: "{base}" }});

await client.track.event({{
  token: "{token}",
  event: "Purchase",
  userId: "user123",
  distinctId: "order-2002", // your own id: if sent twice, it counts once
  // @ts-ignore The SDK's types know text alone here; numbers are taken, too.
  eventProperties: {{ amount: 99.99, product: "Premium Plan" }},
}});
await client.visitor.upsert({{
  token: "{token}",
  userId: "user123",
  userProperties: {{ first_name: "John", custom_properties: {{ plan: "premium" }} }},
}});
"""


@dataclass(frozen=True, slots=True)
class Snippets:
    """A key as this person may see it, and code that sends with it."""

    key: str = field(repr=False)
    track: str = field(repr=False)
    identify: str = field(repr=False)
    python: str = field(repr=False)
    node: str = field(repr=False)


def snippets(key: Key, *, whole: bool) -> Snippets:
    token, base = shown_key(key, whole=whole), f"{request.url_root}api/v1"
    return Snippets(
        key=token,
        track=_curl(f"{base}/track", {"token": token, **TRACK}),
        identify=_curl(f"{base}/identify", {"token": token, **IDENTIFY}),
        python=_PYTHON.format(base=base, token=token),
        node=_NODE.format(base=base, token=token),
    )


def shown_key(key: Key, *, whole: bool) -> str:
    """``whole``, or its beginning; why not, if it can't be opened."""
    if key.unopened:
        return key.unopened.words
    return key.text.reveal() if whole else f"{key.text.reveal()[:8]}…"


def sees_whole(source_id: int) -> bool:
    """Whether the keys of that source are shown whole: to those who may change things, and only if that was written
    down. While it can't be, the page is there all the same."""
    if not may("editor"):
        return False
    try:
        ours().audit.note_read(subjects.source(source_id), actor=person().actor)
    except Busy:
        return False
    return True


def _curl(url: str, body: Mapping[str, object]) -> str:
    laid_out = indent(json.dumps(body, indent=2), "  ").lstrip()
    return f"curl -X POST {url} \\\n  -H 'Content-Type: application/json' \\\n  -d '{laid_out}'"
