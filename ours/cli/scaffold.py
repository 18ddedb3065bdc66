"""What ``ours plugin new`` writes: a plugin that works as it is, and its test."""

import keyword
import re
import sys
from contextlib import ExitStack
from importlib.metadata import packages_distributions
from pathlib import Path

from ours.cli.files import new_file
from ours.errors import Invalid
from ours.registry import load_built_in, taken_by

_READABLE = 0o666  # as far as the umask lets
_OURS = "app", "conftest", "destinations", "ours", "plugins"
_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,59}")

_PLUGIN = '''"""Sends events to {label}."""

from ours.plugin import Delivery, Destination, Endpoint, Rejected, Request, Schema, Secret, hookimpl


class {kind}(Destination):
    """What people should know before they use it, in Markdown."""

    slug = "{slug}"
    label = "{label}"
    summary = "Sends each event to {label} as JSON."
    default_mapping = {{
        "event": "{{{{event.event}}}}",
        "time": "{{{{event.time}}}}",
        "value": "{{{{event.event_properties.value}}}}",
    }}

    class Settings(Schema):
        url = Endpoint(required=True, metadata={{"label": "Address", "help": "Where the events are posted to."}})
        token = Secret(required=True, metadata={{"label": "Token", "help": "Where to find it: say so here."}})

    def build(self, delivery: Delivery) -> Request | Rejected:
        if not delivery.fields.get("event"):
            return Rejected("no_event", "The mapping gives no name for this event: map the field event.")
        headers = {{"Authorization": f"Bearer {{delivery.settings['token'].reveal()}}"}}
        body = {{"id": delivery.id, **delivery.fields}}
        return Request("POST", delivery.settings["url"], headers=headers, json=body)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [{kind}]
'''

_TEST = '''"""{label}: the contract that every destination keeps, and the very request of one event."""

from {module} import {kind}

from ours.plugin import load_settings
from ours.plugin.testing import DestinationContract, sample_delivery

SETTINGS = {{"url": "https://{host}.example.com/events", "token": "a-token-for-tests"}}


class Test{kind}(DestinationContract):
    destination = {kind}
    settings = SETTINGS


def test_a_purchase_is_sent_as_the_receiver_wants_it():
    settings = load_settings({kind}, SETTINGS)
    request = {kind}().build(sample_delivery("purchase", settings=settings, mapping={kind}.default_mapping))
    assert request.json == {{
        "id": "019a0000000070008000000000000999",
        "event": "Order Completed",
        "time": "2026-11-18T11:06:35.000Z",
        "value": 129.9,
    }}
'''


def write(slug: str, folder: Path) -> list[Path]:
    """Write ``SLUG.py`` and ``test_SLUG.py`` into ``folder``, with _ for each - of the slug.

    :raises Invalid: when the name can't be a slug that begins with a letter, or is taken, or a file is there already.
    """
    if not _SLUG.fullmatch(slug):
        raise Invalid(f"\"{slug}\" can't be a plugin's name: use lower-case letters, digits, - and _, a letter first.")
    module = slug.replace("-", "_")
    if keyword.iskeyword(module) or module in {*sys.stdlib_module_names, *packages_distributions(), *_OURS}:
        raise Invalid(
            f'"{slug}" means something to Python already: a file {module}.py would stand in its way. Choose another.'
        )
    if holder := load_built_in().get(slug):
        raise Invalid(taken_by(holder))
    words = module.replace("_", " ").split()
    kind, label = "".join(word.title() for word in words), " ".join(words).capitalize()
    host = slug.replace("_", "-").strip("-")
    names = {"slug": slug, "module": module, "kind": kind, "label": label, "host": host}
    texts = {folder / f"{module}.py": _PLUGIN, folder / f"test_{module}.py": _TEST}
    for file in texts:
        if file.exists():
            raise Invalid(f"{file} already exists. Choose another name, or another folder with --into.")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as both:
        for file, text in texts.items():
            both.enter_context(new_file(file, _READABLE)).write(text.format(**names))
    return list(texts)
