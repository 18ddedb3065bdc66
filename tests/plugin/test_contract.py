"""The conformance kit finds each fault it promises to find, and passes what is sound."""

import base64
import contextlib
import datetime as dt
import logging
import os
import random
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime as moment
from pathlib import Path
from socket import getaddrinfo as lookup
from typing import Any, ClassVar

import pytest

from ours.plugin import (
    IDENTIFY,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Network,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Schema,
    Secret,
    SecretValue,
    Skipped,
    Split,
    Token,
    by_status,
    fields,
    read_object,
    to_json,
)
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.purity import pure

SETTINGS = {"token": "tok-123456"}
URL = "https://a.example/"
_HUGE = bytes(50_000_001)


def _circle() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["a"] = [made]
    return made


def _code_of(response: Response) -> Rejected:
    error = read_object(response).get("error") or {}
    return Rejected(str((error if isinstance(error, dict | str) else {}).get("code", "bad")), "No.")  # type: ignore[union-attr]


def remembering() -> Any:
    kept: dict[str, Any] = {}

    def body(delivery: Any) -> dict[str, Any]:
        kept[delivery.event.name] = delivery.fields.get("text")
        return dict(kept)

    return body


def falling_back() -> Any:
    """What the first sample does not have either."""
    kept: dict[str, Any] = {}

    def body(delivery: Any) -> dict[str, Any]:
        kept["name"] = delivery.fields.get("name") or kept.get("name")
        return {"id": delivery.id, **kept}

    return body


def telling() -> dict[str, Any]:
    kept: dict[str, Any] = {}

    def build(self: Destination, delivery: Delivery) -> Request:
        kept["text"] = delivery.fields.get("text")
        return Sound.build(self, delivery)

    def read(self: Destination, response: Response) -> Outcome:
        found = Sound.read(self, response)
        return Rejected("no", f"{kept.get('text')}") if isinstance(found, Rejected) else found

    return {"build": build, "read": read}


_count = iter(range(10**6))


class Sound(Destination):
    slug = "sound"
    label = "Sound"
    summary = "Does what it should."
    dedupes = True
    default_mapping: ClassVar = {"text": "{{event.event}}", "bag": "{{event.event_properties}}",
                                "name": "{{visitor.last_name}}"}  # fmt: skip

    class Settings(Schema):
        token = Secret(required=True, metadata={"label": "Token", "help": "Where to find it."})

    @staticmethod
    def packed(items: Any) -> Request:
        return Request("POST", URL, headers={"Content-Type": "application/json"}, data=to_json(list(items)))

    def build(self, delivery: Delivery) -> Any:
        headers = {
            "X-Token": delivery.settings["token"].reveal(),
            "X-Id": delivery.id,
            "Content-Type": "application/json",
        }
        return Request("POST", URL, headers=headers, data=to_json(dict(delivery.fields)))


class TestSound(DestinationContract):
    destination = Sound
    settings: ClassVar = SETTINGS


class InBatches(Sound):
    batching = Batching(max_items=50, max_bytes=100_000)
    build = Destination.build

    def item(self, delivery: Delivery) -> Any:
        return {"id": delivery.id, **delivery.fields}

    def pack(self, items: Any, settings: Any) -> Request:
        headers = {"X-Token": settings["token"].reveal(), "Content-Type": "application/json"}
        return Request("POST", URL, headers=headers, data=to_json(list(items)))


class TestInBatches(DestinationContract):
    destination = InBatches
    settings: ClassVar = SETTINGS


class TestReadsBatchesAlone(DestinationContract):
    """What is never asked need not be sound."""

    destination = type(
        "ReadsBatches",
        (InBatches,),
        {"read": lambda *_: 5, "read_batch": lambda _, response, items: [by_status(response) for _ in items]},
    )
    settings: ClassVar = SETTINGS


class TestReadsBatchesByStatus(DestinationContract):
    destination = type("ByStatus", (InBatches,), {"read_batch": lambda self, response, _: self.read(response)})
    settings: ClassVar = SETTINGS


class TestSkipsAllInBatches(DestinationContract):
    destination = type("SkipsBatches", (InBatches,), {"item": lambda *_: Skipped("not_mine")})
    settings: ClassVar = SETTINGS


class TestSkipsAll(DestinationContract):
    """A destination may find that no event is for it."""

    destination = type("SkipsAll", (Sound,), {"build": lambda *_: Skipped("not_mine")})
    settings: ClassVar = SETTINGS


class TestDedupesByAnotherId(DestinationContract):
    destination = type(
        "ByDistinctId",
        (Sound,),
        {"build": lambda _, delivery: Request("POST", URL, json={"id": delivery.event.distinct_id})},
    )
    settings: ClassVar = SETTINGS

    def dedupe_id(self, delivery: Delivery) -> str:
        return delivery.event.distinct_id


class TestSecretInTheAddress(DestinationContract):
    destination = type(
        "InAddress",
        (Sound,),
        {
            "build": lambda _, one: Request(
                "POST", URL, params={"key": one.settings["token"].reveal()}, json={"id": one.id}
            )
        },
    )
    settings: ClassVar = SETTINGS
    secrets_in_url = True


def checks_of(kind: type[Destination]) -> Iterator[Callable[[], None]]:
    contract = type("Contract", (DestinationContract,), {"destination": kind, "settings": SETTINGS})
    return (getattr(contract(), name) for name in dir(contract) if name.startswith("test_"))


def complaints(kind: type[Destination]) -> Iterator[str]:
    """What the kit says, or what the destination's own code raised, test by test, as it is asked for."""
    for test in checks_of(kind):
        try:
            test()
        except Exception as error:
            yield f"{type(error).__name__}: {error}"


def posting(**sent: Callable[[Delivery], Any]) -> type[Destination]:
    """A destination that is sound but for one part of its request."""

    def build(_: Destination, delivery: Delivery) -> Request:
        request: Request = Sound().build(delivery)
        for name, value in sent.items():
            setattr(request, name, value(delivery))
        return request

    return type("Posting", (Sound,), {"build": build})


def reading(read: Callable[[Response], Any]) -> type[Destination]:
    return type("Reading", (Sound,), {"read": lambda _, response: read(response)})


def secret(delivery: Delivery) -> str:
    return str(delivery.settings["token"].reveal())


def printing(delivery: Delivery) -> bytes:
    print(secret(delivery))
    return delivery.id.encode()


def logging_it(delivery: Delivery) -> bytes:
    logging.getLogger("vendor").debug("token %s", secret(delivery))
    return delivery.id.encode()


def changing(delivery: Delivery) -> bytes:
    delivery.event.event_properties["seen"] = delivery.id  # type: ignore[index]
    return delivery.id.encode()


def hashed(delivery: Delivery) -> str:
    return f"{delivery.id}{delivery.fields.get('text')}"


def wrote(delivery: Delivery) -> bytes:
    with contextlib.suppress(BaseException):
        os.close(os.open("/tmp/ours-kit-wrote-this", os.O_WRONLY | os.O_CREAT))
    return delivery.id.encode()


def looked_up(delivery: Delivery) -> bytes:
    with contextlib.suppress(BaseException):
        lookup("a.example", 443)
    return delivery.id.encode()


def sending(send: Callable[..., Any]) -> type[Destination]:
    return type("Sending", (Sound,), {"send": lambda _, *words: send(*words)})


def lingering() -> Outcome:
    """Something that runs on, until it is told not to."""
    threading.Thread(target=_enough.wait, args=(60,), daemon=True).start()
    return Retry("later")


def started(delivery: Delivery) -> bytes:
    lingering()
    return delivery.id.encode()


_enough = threading.Event()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    _enough.clear()
    yield
    _enough.set()


def reaching(network: Network) -> Outcome:
    with contextlib.suppress(Exception):
        network.connect("db.example", 5432)
    return Delivered()


def writing() -> Outcome:
    with contextlib.suppress(OSError):
        Path("/tmp/ours-kit-wrote-this").write_text("x")
    return Delivered()


def batching(**changes: Any) -> type[Destination]:
    """A destination that batches and is sound but for one part."""
    return type("Batches", (InBatches,), changes)


IMPURE: dict[str, Callable[[Delivery], Any]] = {
    "time": lambda _: str(time.time()),
    "time_ns": lambda _: str(time.time_ns()),
    "datetime.now": lambda _: str(dt.datetime.now()),
    "datetime.now imported": lambda _: str(moment.now(dt.UTC).date()),
    "date.today": lambda _: str(dt.date.today()),
    "random": lambda _: str(random.random()),
    "uuid4": lambda _: str(uuid.uuid4()),
    "token_hex": lambda _: secrets.token_hex(),
    "socket": lambda _: str(socket.socket()),
    "open": lambda _: Path(__file__).read_text(),
}
WRONG: dict[str, tuple[type[Destination], str]] = {
    "no summary": (type("Silent", (Sound,), {"summary": ""}), "It has no summary"),
    "an identify declared as skipped": (type("Skipping", (Sound,), {"identify": "skipped"}), "and does not skip one"),
    "an identify skipped": (
        type("Skipping", (Sound,), {"build": lambda self, one: Skipped("no") if one.event.name == IDENTIFY
                                    else Sound.build(self, one)}),
        "It skips an identify",
    ),
    "a bad slug": (type("Shouting", (Sound,), {"slug": "LOUD"}), "Its slug must be"),
    "a secret in the address": (
        posting(params=lambda one: {"key": secret(one)}), "A secret shows in the address.",
    ),
    "a secret printed": (posting(data=printing), "A secret shows in a log line or a print."),
    "a secret logged": (posting(data=logging_it), "A secret shows in a log line or a print."),
    "a masked secret": (
        posting(headers=lambda one: {"X-Id": one.id}, data=lambda one: f"{one.settings['token']}".encode()),
        "A masked secret was sent",
    ),
    "a masked secret in JSON": (
        posting(data=lambda _: None, json=lambda one: {"token": f"{one.settings['token']}"}),
        "A masked secret was sent",
    ),
    "a counter": (posting(data=lambda _: str(next(_count))), "Two builds of the same delivery differ in the body"),
    "a body that grows": (
        posting(data=lambda _: None, json=remembering()), "has a field of the delivery before it",
    ),
    "a person who stands in for the next": (
        posting(data=lambda _: None, json=falling_back()), "has a field of the delivery before it",
    ),
    "a person who is said of the next": (type("Telling", (Sound,), telling()), "read tells a field that build left"),
    "a changed delivery": (posting(data=changing), "build changed the delivery"),
    "no id": (posting(headers=lambda _: {}), "the request does not carry the id"),
    "a header of two lines": (
        posting(headers=lambda one: {"X-Id": one.id, "X-Text": str(one.fields.get("text"))}), "can't be sent",
    ),
    "a body that nobody takes": (posting(data=lambda _: _HUGE), "The body has 50 MB, made of a few events"),
    "a body that runs out": (posting(data=lambda one: iter([one.id.encode()])), "The body must be text or bytes"),
    "NaN in the body": (posting(data=lambda _: b'{"a": NaN}'), "The body has NaN in it"),
    "an address in clear": (
        type("Clear", (Sound,), {"hashed": ("bag", "text")}), "A field of ['bag', 'text'] left in clear, as",
    ),
    "a version nobody can change": (
        posting(url=lambda _: "https://a.example/v3/events"), "The version in /v3/events can't be changed",
    ),
    "another protocol": (posting(url=lambda _: "ftp://a.example/"), "A request can't go to ftp://a.example/"),
    "a request that is prepared": (
        type("Ready", (Sound,), {"build": lambda self, delivery: Sound.build(self, delivery).prepare()}),
        "build returned <PreparedRequest [POST]>, not a Request. Leave out .prepare(): Ours does that.",
    ),
    "a number for a request": (type("Numeric", (Sound,), {"build": lambda *_: 5}), "build returned 5, not a Request."),
    "a field taken for granted": (posting(data=lambda one: one.fields["text"]), "KeyError: 'text'"),
    "text taken for granted": (posting(data=lambda one: to_json(one.fields.get("text", "").strip())), "AttributeError"),
    "a reason that is no text": (
        type("Wordless", (Sound,), {"build": lambda *_: Rejected("")}), "needs a code: a short machine word.",
    ),
    "a number for an outcome": (reading(lambda _: 5), "read returned 5, which is no outcome."),
    "JSON taken for granted": (reading(lambda response: response.json() and Delivered()), "JSONDecodeError"),
    "a 500 that was delivered": (reading(lambda _: Delivered()), "An answer 300 can't mean that it was delivered."),
    "a wait ignored": (reading(lambda _: Retry("slow")), "429 with Retry-After: 7 must be Retry"),
    "no item": (batching(item=Destination.item), "It has no item: write item"),
    "no pack": (batching(pack=Destination.pack), "It has no pack: write pack"),
    "a build beside its batches": (batching(build=Sound.build), "write no build of its own"),
    "batching that is none": (batching(batching=Batching(max_items=0)), "Its batching must be a Batching"),
    "an item that is no JSON": (
        batching(item=lambda *_: {"a": [{1}]}), 'item returned what can\'t be sent: item["a"][0] is {1}, which'
    ),
    "a circle": (
        posting(data=lambda _: None, json=lambda _: _circle()),
        'build returned a request that can\'t be sent: json["a"][0] holds itself.',
    ),
    "no method": (
        type("Aimless", (Sound,), {"build": lambda _, one: Request(url=URL, json={"id": one.id})}),
        "build returned a request without a method, such as POST.",
    ),
    "an error of a 422 taken for granted": (
        reading(lambda response: by_status(response) if response.status_code != 422 else _code_of(response)),
        "AttributeError: 'str' object has no attribute 'get'",
    ),
    "NaN in JSON": (
        posting(data=lambda _: None, json=lambda _: {"a": [1, float("nan")]}),
        'build returned a request that can\'t be sent: json["a"][1] is nan, which JSON has no word for.',
    ),
    "bytes in JSON": (posting(data=lambda _: None, json=lambda _: b"x"), "json is b'x', which is no JSON."),
    "declarations that are misspelt": (
        type("Misspelt", (Sound,), {"dedups": True, "defualt_mapping": {}, "read_bacth": lambda *_: None}),
        "It declares dedups: did you mean dedupes? It declares defualt_mapping: did you mean default_mapping? It decl",
    ),
    "a template with one brace": (
        type("OneBrace", (Sound,), {"default_mapping": {"text": "At { event.time }"}}),
        "The template of text has { event.time } in it, which is sent as it stands",
    ),
    "what is empty in a delivery": (
        posting(data=lambda one: f"{one.event.event_properties.get('value')} {one.event.user_id}".encode()),
        "event.event_properties (map {{event.event_properties.value}}), delivery.event.user_id (map {{event.user_id}})",
    ),
    "a moment of the machine's own zone": (
        posting(data=lambda one: str(dt.datetime.fromtimestamp(one.event.occurred_at / 1000)).encode()),
        "The request says another time on a machine in another zone: name the zone",
    ),
    "a file written aside": (posting(data=lambda one: wrote(one)), "build wrote a file. It must be pure"),
    "a name looked up": (posting(data=lambda one: looked_up(one)), "build looked up a host's address."),
    "no outcome of sending": (sending(lambda *_: True), "send returned True, which is no outcome: return Delivered()"),
    "an outcome too few of sending": (
        type("Few", (InBatches,), {"send": lambda *_: [Delivered()]}), "send gave 1 outcomes for 4 events.",
    ),
    "a delivery that never was": (
        sending(lambda request, settings, network: reaching(network)),
        "send said Delivered(note=''), though nothing could be reached or written. (It asked for db.example:5432.)",
    ),
    "a file that never was": (
        sending(lambda request, settings, network: writing()), "could be reached or written. (It wrote a file.)",
    ),
    "a thread started aside": (posting(data=lambda one: started(one)), "build started a thread. It must be pure"),
    "a thread left by each sending": (
        sending(lambda *_: lingering()), "send left a thread running each time: they add up",
    ),
    "an item drawn by lot": (batching(item=lambda *_: next(_count)), "Two items of the same delivery differ."),
    "a number for a packed request": (batching(pack=lambda *_: 5), "pack returned 5, not a Request."),
    "an event left behind": (
        batching(pack=lambda _, items, settings: Sound.packed(items[:1])), "does not carry the id of each event",
    ),
    "packing that changes items": (
        batching(pack=lambda _, items, settings: Sound.packed([one.update(n=next(_count)) or one for one in items])),
        "pack changed the items",
    ),
    "packing that bloats": (
        batching(pack=lambda _, items, settings: Sound.packed(list(items) * 9)), "batching counts those of the items",
    ),
    "a group that is no text": (batching(group=lambda *_: 5), "group must return a text."),
    "an outcome too many": (
        batching(read_batch=lambda _, response, items: [Delivered()] * (len(items) + 1)), "outcomes for",
    ),
    "a batch's outcome that is none": (
        batching(read_batch=lambda _, response, items: ["fine"] * len(items)), "returned 'fine', which is no outcome.",
    ),
    "a wait ignored in a batch": (
        batching(read_batch=lambda _, response, items: [Retry("slow")] * len(items)), "429 with Retry-After: 7 must be",
    ),
    "outcomes that are no list": (
        batching(read_batch=lambda _, response, items: (Delivered() for _ in items)), "neither an outcome nor a list",
    ),
    "items changed by read_batch": (
        batching(read_batch=lambda _, response, items: [one.clear() or Delivered() for one in items]),
        "read_batch changed the items that it was handed.",
    ),
    "one alone that is split": (batching(read_batch=lambda *_: Split("again")), "One event alone can't be Split"),
    "a batch delivered by a 500": (
        batching(read_batch=lambda *_: Delivered()), "An answer 300 can't mean that events were delivered.",
    ),
    "a token request with a clock": (
        batching(token_request=lambda *_: Request("POST", URL, data=str(time.time()))), "token_request called time",
    ),
    "a number for a token request": (batching(token_request=lambda *_: 5), "token_request returned 5"),
    "a token out of an error": (
        batching(read_token=lambda *_: Token(SecretValue("t"), 60.0)), "made a token of an answer",
    ),
    "a text for a token": (batching(read_token=lambda *_: "t"), "neither a Token nor an outcome"),
    "a wait that makes no sense": (reading(lambda _: Retry("slow", "", float("nan"))), "a wait that makes no sense"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "complaint"), WRONG.values(), ids=WRONG)
def test_the_kit_finds(kind: type[Destination], complaint: str) -> None:
    assert any(complaint in said for said in complaints(kind))


@pytest.mark.parametrize("name", IMPURE)
def test_the_kit_finds_that_build_calls(name: str) -> None:
    contract = type(
        "Contract", (DestinationContract,), {"destination": posting(data=IMPURE[name]), "settings": SETTINGS}
    )
    with pytest.raises(AssertionError, match=f"build called {name.removesuffix(' imported')}. It must be pure"):
        contract().test_build_is_pure()


@pytest.mark.parametrize(
    ("name", "code"),
    [("api_key", ""), ("client_secret", ""), ("Token", ""), ("login", "Bearer {}"), ("login", "{}")],
)
def test_the_kit_finds_a_credential_that_is_no_secret(name: str, code: str) -> None:
    plain = Schema.from_dict(
        {name: fields.String(required=True, metadata={"label": "It", "help": "Where to find it."})}
    )

    def build(_: Destination, delivery: Delivery) -> Request:
        return Request("POST", URL, headers={"Authorization": code.format(delivery.settings[name])})

    kind = type("Plain", (Sound,), {"Settings": plain, "build": build})
    contract = type("Contract", (DestinationContract,), {"destination": kind, "settings": {name: "opensesame"}})
    with pytest.raises(AssertionError, match=f"The setting {name} .*make it a Secret"):
        contract().test_what_gives_access_is_a_secret()


def test_the_kit_lets_pass_what_is_no_credential() -> None:
    """Names that look like one, plain headers, and the user name of basic authentication."""
    names = ("token_url", "key_id", "tokens", "tenant", "user")
    plain = Schema.from_dict({one: fields.String(metadata={"label": "It", "help": "What it is."}) for one in names})

    def build(_: Destination, delivery: Delivery) -> Request:
        known = base64.b64encode(f"{delivery.settings['user']}:password".encode()).decode()
        headers = {"X-Tenant": delivery.settings["tenant"], "Authorization": f"Basic {known}"}
        return Request("POST", URL, headers=headers)

    kind = type("Plain", (Sound,), {"Settings": plain, "build": build})
    contract = type("Contract", (DestinationContract,), {"destination": kind, "settings": {one: one for one in names}})
    contract().test_what_gives_access_is_a_secret()


def test_one_thread_for_all_sendings_and_those_that_end_are_let_pass() -> None:
    known: list[Outcome] = []

    def once(*_: object) -> Outcome:
        ended = threading.Thread(target=int)
        ended.start()
        ended.join()
        known[:] = known or [lingering()]
        return Retry("later")

    assert [*complaints(sending(once))] == []


def test_own_names_are_no_misspelt_ones() -> None:
    kind = type("Own", (Sound,), {"versions": (1,), "items": 5, "text_of": None, "_dedups": True, "reads": None})
    assert [*complaints(kind)] == []


def test_nothing_is_written_and_no_name_looked_up_by_what_the_kit_runs() -> None:
    assert [*complaints(sending(lambda *_: writing()))]
    assert [*complaints(posting(data=wrote))]
    assert not Path("/tmp/ours-kit-wrote-this").exists()


class Coded(Sound):
    """Sends its test code, but not with everything."""

    class Settings(Sound.Settings):
        test_event_code = fields.String(metadata={"label": "Test code", "help": "From the vendor's test page."})
        api_version = fields.String(load_default="v3", metadata={"label": "Version", "help": "Of the vendor's API."})

    def build(self, delivery: Delivery) -> Any:
        request = super().build(delivery)
        request.url = f"https://a.example/{delivery.settings['api_version']}/"
        request.headers["X-Code"] = self.code(delivery)
        return request

    def code(self, delivery: Delivery) -> str:
        return str(delivery.settings.get("test_event_code", ""))


def test_the_kit_passes_a_version_that_is_a_setting_and_a_code_that_always_goes() -> None:
    assert [*complaints(Coded)] == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (
            lambda _, one: Coded().code(one) if one.event.external_id else "",
            "A request goes without the test_event_code",
        ),
        (lambda *_: "TEST1 TEST98765", "A request has a test_event_code that nobody gave."),
    ],
)
def test_the_kit_finds_a_test_code_that_mixes_with_real_events(code: Callable[..., str], complaint: str) -> None:
    assert any(complaint in said for said in complaints(type("Mixing", (Coded,), {"code": code})))


def test_the_kit_asks_for_labels_and_helps() -> None:
    class Bare(Sound):
        class Settings(Schema):
            token = Secret(required=True)

    assert any("The setting token needs metadata" in said for said in complaints(Bare))


def test_the_kit_finds_settings_that_do_not_survive_storage() -> None:
    class Shifting(Sound):
        class Settings(Sound.Settings):
            size = fields.Function(
                serialize=lambda _: 1,
                deserialize=lambda value: value + 1,
                metadata={"label": "Size", "help": "How big."},
            )

    contract = type(
        "Contract", (DestinationContract,), {"destination": Shifting, "settings": {"token": "t", "size": 5}}
    )
    with pytest.raises(AssertionError, match="Settings differ"):
        contract().test_settings_come_back_from_storage_as_they_were()


def test_clock_and_chance_are_back_after_a_check() -> None:
    before = (time.time, dt.datetime, moment, random.random, socket.socket, open)
    assert [*complaints(Sound)] == []
    assert (time.time, dt.datetime, moment, random.random, socket.socket, open) == before


def test_other_threads_keep_the_clock_while_a_plugin_is_looked_at() -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.extend([time.time(), dt.datetime.now(dt.UTC), dt.date.today(), secrets.token_hex(), random.random()])

    with pure(Sound):
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert len(seen) == 5
