"""How values look on a page: moments, numbers, states, properties."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from markupsafe import Markup, escape

from ours import clock
from ours.core.diffing import ABSENT
from ours.core.redact import cut_url, mask_url, mask_value
from ours.web.show.door import blueprint, may

_TONES = {
    "delivered": "good", "duplicate": "good", "active": "good", "on": "good",
    "pending": "busy", "sending": "busy",
    "retrying": "warn", "retry": "warn", "held": "warn", "paused": "warn", "failing": "warn",
    "unknown": "warn",
    "rejected": "bad", "exhausted": "bad",
    "sunk": "test",
    "stopped": "faint",
}  # fmt: skip
_UNITS = ((clock.DAY, "d"), (clock.HOUR, "h"), (clock.MINUTE, "min"), (clock.SECOND, "s"))
_MOST_LINES = 500
_MOST_ENTRIES = 12
_MOST_ROWS = 6
_LONG = 180
_APART = re.compile(r"\\\\+|\\?'|\\\Z")
_TICKED = re.compile(r"`([^`]+)`")


@blueprint.app_template_filter()
def tone(state: str) -> str:
    """The colour of a state: good, busy, warn, bad, test, or none."""
    return _TONES.get(state, "")


@blueprint.app_template_filter()
def moment(value: int | None) -> Markup:
    """A ``<time>`` in UTC, which the script turns into the reader's own zone."""
    text = clock.iso(value)
    if text is None:
        return Markup('<span class="muted">never</span>')
    shown = text[:19].replace("T", " ")
    return Markup(f'<time datetime="{text}">{shown} UTC</time>')  # noqa: S704 - our own clock's words


@blueprint.app_template_filter()
def ago(value: int | None) -> Markup:
    """``3 min ago``, with the moment on hover."""
    text = clock.iso(value)
    if value is None or text is None:
        return Markup('<span class="muted">never</span>')
    hover = f"{text[:19].replace('T', ' ')} UTC"
    shown = _since(clock.now_ms() - value)
    return Markup(f'<time datetime="{text}" title="{hover}">{shown}</time>')  # noqa: S704 - our own clock's words


@blueprint.app_template_filter()
def counted(at: int) -> Markup:
    """``counted 3 min ago``, of figures that are older than a second; nothing of others."""
    return Markup("counted ") + ago(at) if clock.now_ms() - at > clock.SECOND else Markup()


def _since(passed: int) -> str:
    for length, unit in _UNITS:
        if passed >= length:
            return f"{passed // length} {unit} ago"
    return "just now"


@blueprint.app_template_filter()
def ticked(text: str) -> Markup:
    """Text in which `what stands between backticks` is code."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


@blueprint.app_template_filter()
def without_secrets(address: str) -> str:
    """A URL with its password and the query fields that sound secret masked."""
    return mask_url(address)


@blueprint.app_template_filter()
def colleague(actor: str) -> str:
    """Who did something, as whoever looks may see it: for a viewer with the email masked."""
    return actor if may("editor") else str(mask_value("", actor))


@blueprint.app_template_filter()
def own_address(address: str) -> str:
    """A destination's, as whoever looks may see it: for a viewer as far as its server."""
    return mask_url(address) if may("editor") else cut_url(address)


@blueprint.app_template_filter()
def span(milliseconds: int) -> str:
    """``212 ms``, ``4.0 s``, ``5.2 min``, ``1.5 h``, ``6.5 d``."""
    for length, unit in _UNITS:
        if milliseconds >= length:
            return f"{milliseconds / length:.1f} {unit}"
    return f"{milliseconds} ms"


@blueprint.app_template_filter()
def grouped(number: int) -> str:
    """``12,345``"""
    return f"{number:,}"


@blueprint.app_template_filter()
def several(number: int, noun: str, ending: str = "s") -> str:
    """``1 event``, ``12,345 events``"""
    return f"{number:,} {noun}{'' if number == 1 else ending}"


@blueprint.app_template_filter()
def pretty(value: Any) -> str:
    """JSON for reading. Text that is JSON is laid out, any other text left as it is."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return str(value)
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


@blueprint.app_template_filter()
def http_request(kept: Mapping[str, Any]) -> str:
    """A request as it goes over the wire, its JSON laid out."""
    return _message(f"{kept.get('method')} {kept.get('url')}", kept)


@blueprint.app_template_filter()
def as_curl(kept: Mapping[str, Any]) -> str:
    """A request as a command for bash, dash, zsh and fish."""
    url = str(kept.get("url"))
    literal = " --globoff" if {*"[]{}"} & {*url} else ""  # curl reads [1-3] and {a,b} as many addresses
    lines = [f"curl -X {kept.get('method')}{literal} {_quoted(url)}"]
    headers = (kept.get("headers") or {}).items()
    lines += [f"  -H {_quoted(f'{name}: {value}')}" for name, value in headers if name != "Content-Length"]
    if body := kept.get("body"):
        lines.append(f"  --data-raw {_quoted(str(body))}")
    return " \\\n".join(lines)


def _quoted(text: str) -> str:
    """In one form for all: fish reads a backslash before another, or before a quote, inside quotes, too."""
    if shlex.quote(text) == text:
        return text
    apart = _APART.sub(lambda found: "'" + "".join(f"\\{one}" for one in found[0]) + "'", text)
    return f"'{apart}'"


@blueprint.app_template_filter()
def http_answer(kept: Mapping[str, Any]) -> str:
    return _message(f"HTTP {kept.get('status')}", kept)


def _message(first: str, kept: Mapping[str, Any]) -> str:
    headers = [f"{name}: {value}" for name, value in (kept.get("headers") or {}).items()]
    return "\n".join([first, *headers, "", pretty(kept.get("body") or "")]).rstrip()


@blueprint.app_template_filter()
def brief(value: Any) -> str:
    """A value in a line of prose: lists with commas, everything else as JSON would say it."""
    if isinstance(value, list):
        return ", ".join(brief(inner) for inner in value) or "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@blueprint.app_template_filter()
def spoken(logic: Any) -> str:
    """Conditions as one sentence: ``visitor.city Is Lyon and not (…)``."""
    if not isinstance(logic, Mapping) or len(logic) != 1:
        return ""
    ((kind, inner),) = logic.items()
    if kind == "condition":
        return " ".join(str(inner.get(part) or "") for part in ("property", "operator", "value")).strip()
    if kind == "NOT":
        return f"not ({spoken(inner)})"
    return f" {kind.lower()} ".join(_bracketed(part) for part in inner)


def _bracketed(logic: Any) -> str:
    return spoken(logic) if "condition" in logic or "NOT" in logic else f"({spoken(logic)})"


@blueprint.app_template_test()
def absent(value: Any) -> bool:
    """Whether there is no such field on this side of a comparison."""
    return value is ABSENT


@dataclass(frozen=True, slots=True)
class Line:
    """A property: its path and its value in words; of a long list, the lines of its entries instead."""

    name: str
    text: str
    entries: Sequence["Line"] = ()

    @property
    def start(self) -> str:
        """How a text begins that is too long to be shown at once; nothing of any other."""
        start = "\n".join(self.text.splitlines()[:_MOST_ROWS])[:_LONG]
        return start.rstrip() if len(start) < len(self.text.rstrip()) else ""


@blueprint.app_template_filter()
def lines(bag: Mapping[str, Any]) -> list[Line]:
    """Nested properties as ``cart.items[0].price`` and ``9.5``; a very long bag is cut, a long list folded."""
    return _cut(_walk("", bag))


def _cut(walked: Iterator[Line]) -> list[Line]:
    found = list(islice(walked, _MOST_LINES + 1))
    return found if len(found) <= _MOST_LINES else [*found[:_MOST_LINES], Line("…", "There is more: see the JSON.")]


def _walk(path: str, value: Any) -> Iterator[Line]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _walk(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list) and len(value) > _MOST_ENTRIES:
        entries = (line for place, inner in enumerate(value) for line in _walk(f"[{place}]", inner))
        yield Line(path, f"{len(value):,} entries", _cut(entries))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _walk(f"{path}[{place}]", inner)
    else:
        yield Line(path, brief(value))
