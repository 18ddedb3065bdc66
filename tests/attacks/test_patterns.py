"""Texts made to send a pattern back and forth: each takes time in proportion to its length, or is short by rule."""

import logging
from typing import Any

import pytest
import requests

from ours.core import phones
from ours.core.allow import name_key
from ours.core.mapping import compile_mapping
from ours.core.redact import Masker, mask_headers, mask_url, mask_value
from ours.errors import Invalid
from ours.log import redact
from ours.services.people.service import _is_email
from ours.transport import outgoing
from ours.web.show.back import local_path

LONG = 200_000
EVIL = ["a" * LONG, "a@" * (LONG // 2), "a." * (LONG // 2), "@" * LONG, "a@" + "a." * (LONG // 2), "?a=" * (LONG // 3),
        "{{" * (LONG // 2), "{{a" * (LONG // 3), "name" * (LONG // 4), "first_" * (LONG // 6), "://" * (LONG // 3),
        " " * LONG, "\t" * LONG, "0" * LONG, "http://" + "a" * LONG, "http://a" + "/" * LONG + "\n"]  # fmt: skip


def _mapping(text: str) -> None:
    try:
        compile_mapping({"field": text})
    except Invalid:
        return


def _outgoing(text: str) -> None:
    request = requests.PreparedRequest()
    request.method, request.url, request.headers, request.body = (
        "POST",
        text,
        requests.structures.CaseInsensitiveDict(),
        b"",
    )
    try:
        outgoing.check(request)
    except outgoing.Unsendable:
        return


READERS: dict[str, Any] = {
    "mask_value": lambda text: mask_value(text[:1000], text),
    "mask_name": lambda text: mask_value(text, "x"),
    "mask_url": mask_url,
    "mask_headers": lambda text: mask_headers({text: text}),
    "masker": Masker(["secret-4711", "another"]).text,
    "log": lambda text: redact(logging.getLogger(), "info", {"event": text}),
    "mapping": _mapping,
    "outgoing": _outgoing,
    "phone": phones.normalise,
    "person": _is_email,
    "next": local_path,
    "name": name_key,
}


@pytest.mark.parametrize("reader", READERS)
def test_no_text_makes_a_pattern_run_away(reader: str, within: Any) -> None:
    for text in EVIL:
        with within(1):
            READERS[reader](text)
