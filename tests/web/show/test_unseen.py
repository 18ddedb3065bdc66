"""What draws nothing is marked where callers' words are drawn, and what is copied is what was sent."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from ours.core.unseen import readable, visible
from tests.web.show.conftest import Browser

FAMILY = "👩🏽\u200d🚀 👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Purch\u200base", "Purch⟨U+200B⟩ase"),
        ("Purchase \u202egnp.exe", "Purchase ⟨U+202E⟩gnp.exe"),
        ("Order\u00a0Completed", "Order⟨U+00A0⟩Completed"),
        ("two\nlines\x1b[31m\x00", "two⟨U+000A⟩lines⟨U+001B⟩[31m⟨U+0000⟩"),
        ("a\u3164b\u2800c\u00add\ufeff", "a⟨U+3164⟩b⟨U+2800⟩c⟨U+00AD⟩d⟨U+FEFF⟩"),
        ("a\ufe0fb\u200dc", "a⟨U+FE0F⟩b⟨U+200D⟩c"),
        ("hidden\U000e0068\U000e0069", "hidden⟨U+E0068⟩⟨U+E0069⟩"),
        ("شراء\u200c", "شراء⟨U+200C⟩"),
        ("می\u200cخواهم क्\u200dष शراء 购买 Zoë Ольга", "می\u200cخواهم क्\u200dष शراء 购买 Zoë Ольга"),
        (FAMILY + SCOTLAND, FAMILY + SCOTLAND),
        ("\u0600\u06dd1", "\u0600\u06dd1"),
        ("Purchase", "Purchase"),
    ],
)
def test_every_character_of_a_name_is_seen(name: str, shown: str) -> None:
    assert visible(name) == shown


def test_a_text_keeps_its_lines_and_the_spaces_of_other_languages() -> None:
    assert readable("10\u202f€\n\tend\u3000\r\u200b") == "10\u202f€\n\tend\u3000⟨U+000D⟩⟨U+200B⟩"


def test_names_and_values_are_drawn_with_marks_and_copied_as_they_came(
    editor: Browser, send: Callable[..., str], work: Callable[[], None]
) -> None:
    event_id = send("Purch\u200base", event_properties={"no\u200bte": "exe\u202egnp\nsecond"}, distinct_id="o\u200b1")
    work()
    assert "<bdi>Purch⟨U+200B⟩ase</bdi>" in editor.page("/events")
    page = editor.page(f"/events/{event_id}")
    assert "Purch⟨U+200B⟩ase</bdi>" in page
    assert "<code>no⟨U+200B⟩te</code>" in page
    assert "<td>exe⟨U+202E⟩gnp\nsecond</td>" in page
    assert "o⟨U+200B⟩1" in page
    copied = re.search(r'<pre id="bag-1" hidden>(.*?)</pre>', page, re.DOTALL)
    assert copied
    assert '"no\u200bte": "exe\u202egnp' in unescape(copied[1])
    assert "Purch⟨U+200B⟩ase" in editor.page(f"/events/{event_id}/explain")
