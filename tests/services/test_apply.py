"""Configuration as a file: what is exported can be applied, twice is as once, and elsewhere it routes the same."""

import json
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.errors import Invalid
from ours.services import gates
from ours.services.apply import Plan, dump, load
from ours.services.apply.wanted import KEYS
from ours.settings import Settings
from ours.store.queries import destinations
from ours.store.tables import destinations as destinations_table
from ours.store.tables import rules, sources
from tests.conftest import ENGINES

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"HOOK_SECRET": SECRET, "HOOK_HEADERS_X_TEAM": "abc$1"}
FILE = """
ours: 1
sources:
  Shop: {rate_limit: 500}
  Old shop: {status: deactivated}
destinations:
  Hook:
    type: webhook
    status: on
    category: advertising
    agreement: available
    override: The team agreed on 3 March.
    settings:
      url: https://example.com/hook?${TIER}=1&b=$${c}
      secret: ${HOOK_SECRET}
      headers: {X-Team: '${HOOK_HEADERS_X_TEAM}'}
    sources: [Shop]
    events: [Purchase, lead]
    mapping: {plan: '{{visitor.custom_properties.plan}}', zip: {map: '{{visitor.zip}}', modification: Null}}
    cases:
      - name: Big
        logic: {condition: {property: event.event_properties.amount, operator: IsGreaterThan, value: 100}}
        mapping: {plan: gold}
      - name: Never
        enabled: false
        logic: {condition: {property: event.event, operator: Is, value: no}}
        mapping: {plan: ''}
    limits: {rate_limit: 50, retry_schedule: [1, 5]}
  Archive:
    type: file
    status: off
    settings: {folder: /var/lib/archive}
    events: ['*']
governance:
  - name: Refused
    covers: [advertising, archive]
    note: Who said no is left alone.
    logic: {condition: {property: visitor.consent.ads, operator: Is, value: no}}
  - name: Later
    covers: ['*']
    enabled: false
    logic: {NOT: {condition: {property: event.event, operator: Is, value: LEAD}}}
"""
Open = Callable[[str], Ours]


@pytest.fixture
def open_(
    make_settings: Callable[..., Settings], make_database_url: Callable[..., str], tmp_path: Path
) -> Iterator[Open]:
    opened: list[Ours] = []

    def make(kind: str) -> Ours:
        home = tmp_path / f"home{len(opened)}"
        opened.append(Ours(make_settings(home=home, database_url=make_database_url(kind, home))))
        opened[-1].prepare()
        return opened[-1]

    yield make
    for ours in opened:
        ours.close()


@pytest.fixture
def ours(open_: Open) -> Ours:
    return open_("sqlite")


def plan(ours: Ours, text: str, environ: Mapping[str, str] = ENVIRON, **how: bool) -> Plan:
    return ours.configuration.plan(load(text), {"TIER": "a", **environ}, **how)


def lines(made: Plan) -> list[str]:
    return [f"{one.verb} {one.name}: {detail}" for one in made.changes for detail in one.details]


def sunk(ours: Ours) -> list[dict[str, Any]]:
    """What would leave for a test event, but for what differs by its nature."""
    source = ours.sources.find("Shop")
    key = next(key.text.reveal() for key in ours.sources.keys(source.id) if key.mode == "test")
    caller = ours.accept.authenticate(key)
    assert caller
    ours.accept.accept(caller, [Incoming(name="LEAD", occurred_at=1, user_id="u1", event_properties={"amount": 1})])
    ours.route.run()
    ours.deliver.drain(threading.Event(), 10)
    listed = ours.overview.events_json()
    tries = [ours.overview.dispatch_json(one["id"])["attempts"] for one in listed[0]["dispatches"] if one["id"]]
    requests = [attempt["request"] for one in tries for attempt in one]
    for request in requests:
        request["body"] = request["body"].replace(listed[0]["id"], "ID").replace(listed[0]["distinctId"], "ID")
        request["headers"] = {k: v for k, v in request["headers"].items() if not k.lower().startswith("webhook-")}
        request["body"] = {k: v for k, v in json.loads(request["body"]).items() if k != "timestamp"}
    return requests


def test_a_file_is_applied_and_the_second_time_changes_nothing(ours: Ours) -> None:
    first = plan(ours, FILE)
    assert [(one.verb, one.what, one.name) for one in first.changes] == [
        ("add", "source", "Shop"), ("add", "source", "Old shop"),
        ("add", "destination", "Hook"), ("add", "destination", "Archive"), ("change", "governance", "rules"),
    ]  # fmt: skip
    assert ours.sources.list() == []  # planning changes nothing
    first.make("cli")
    hook, archive = ours.destinations.list()
    assert ours.destinations.kept(hook.id) == {
        "url": "https://example.com/hook?a=1&b=${c}", "secret": SECRET, "headers": {"X-Team": "abc$1"},
    }  # fmt: skip
    assert (hook.status, archive.status) == ("on", "off")
    assert hook.limits.rate_limit == 50
    assert plan(ours, FILE).changes == []
    assert plan(ours, dump(ours.configuration.export())).changes == []


def test_what_is_exported_can_be_applied_though_its_names_are_refused_by_now(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    with ours.store.write() as connection:
        for table in (sources, destinations_table, rules):
            connection.execute(table.update().values(name=table.c.name + "\u200b"))
    text = dump(ours.configuration.export())
    assert plan(ours, text).changes == []
    changed = text.replace("rate_limit: 500", "rate_limit: 400").replace("LEAD", "Lead")
    plan(ours, changed).make("cli")
    assert dump(ours.configuration.export()) == changed


@pytest.mark.parametrize("kind", ENGINES)
def test_an_export_makes_a_fresh_installation_route_the_same(ours: Ours, kind: str, open_: Open) -> None:
    plan(ours, FILE).make("cli")
    text = dump(ours.configuration.export(references=True))
    assert SECRET not in text
    assert "abc$1" not in text
    other = open_(kind)
    plan(other, text).make("cli")
    assert dump(other.configuration.export(references=True)) == text
    assert plan(other, text).changes == []
    with ours.store.read() as here, other.store.read() as there:
        assert gates.current(here, ours.registry) == gates.current(there, other.registry)
    assert ours.governance.list() == other.governance.list() != []
    assert sunk(ours) == sunk(other) != []
    assert foreseen(ours) == foreseen(other)


def foreseen(ours: Ours) -> list[Any]:
    """What would be sent of sample events to every destination, or why nothing is."""
    source = ours.sources.find("Shop")
    caller = ours.accept.authenticate(
        next(key.text.reveal() for key in ours.sources.keys(source.id) if key.mode == "live")
    )
    assert caller
    samples: list[Any] = [
        {"name": "Purchase", "event_properties": {"amount": 500}},
        {"name": "Purchase", "event_properties": {"amount": 5}},
        {"name": "Lead", "user_id": "u2", "user_properties": {"zip": "01234", "consent": {"ads": "no"}}},
        {"name": "Refund"},
    ]
    accepted = ours.accept.accept(
        caller, [Incoming(**{"occurred_at": 1, "user_id": "u1", "distinct_id": str(number)} | one)
                 for number, one in enumerate(samples)],
    )  # fmt: skip
    ours.route.run()
    verdicts = []
    for one in accepted:
        for place in ours.destinations.list():
            verdict = ours.preview.event(one.event_id, place.id, clear=True)
            sent = json.dumps([verdict.request, verdict.fields]).replace(one.event_id, "ID")
            sent = re.sub(r'"webhook-timestamp": "[0-9]+"', "", sent)
            verdicts.append((place.name, verdict.reason, verdict.case, sent))
    assert {reason for _, reason, _, _ in verdicts} >= {None, "rule:Refused", "not_allowed"}
    assert {case for _, _, case, _ in verdicts} == {None, "Big"}
    return verdicts


def test_a_change_is_told_without_its_secrets_and_leaves_the_rest_alone(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    changed = (
        FILE.replace("X-Team", "X-Group")
        .replace("[Purchase, lead]", "[Purchase]")
        .replace("status: off", "status: paused")
    )
    changed = changed.replace("{rate_limit: 50,", "{rate_limit: 5,").replace("/hook?", "/other?")
    changed = changed.replace("mapping: {plan: '{{", "mapping: {tier: '{{").replace("plan: gold", "plan: platinum")
    changed = changed.replace("note: Who", "note: Whoever").replace("enabled: false\n    logic: {NOT", "logic: {NOT")
    made = plan(ours, changed, ENVIRON | {"HOOK_SECRET": SECRET[:-4] + "AAAA"})
    assert lines(made) == [
        "change Hook: settings.headers changes",
        "change Hook: settings.secret changes",
        'change Hook: settings.url: "https://example.com/hook?a=1&b=${c}" → "https://example.com/other?a=1&b=${c}"',
        'change Hook: events: ["Purchase","lead"] → ["Purchase"]',
        'change Hook: mapping.plan: "{{visitor.custom_properties.plan}}" → –',
        'change Hook: mapping.tier: – → "{{visitor.custom_properties.plan}}"',
        "change Hook: limits.rate_limit: 50.0 → 5.0",
        'change Hook: cases.Big.mapping.plan: "gold" → "platinum"',
        'change Hook: override for tier: "The team agreed on 3 March."',
        "change Archive: status: off → paused",
        'change rules: Refused: note: "Who said no is left alone." → "Whoever said no is left alone."',
        "change rules: Later: enabled: false → true",
    ]
    made.make("cli")
    hook, archive = ours.destinations.list()
    assert ours.destinations.kept(hook.id)["headers"] == {"X-Group": "abc$1"}
    assert archive.status == "paused"
    assert plan(ours, changed, ENVIRON | {"HOOK_SECRET": SECRET[:-4] + "AAAA"}).changes == []


@pytest.mark.parametrize("environ", [{}, {"HOOK_SECRET": ""}])
def test_a_secret_that_nobody_set_or_that_is_empty_is_missed(ours: Ours, environ: dict[str, str]) -> None:
    with pytest.raises(Invalid, match=r'"Hook" refers to variables that are not set, or empty: HOOK_SECRET\.'):
        plan(ours, FILE, {"HOOK_HEADERS_X_TEAM": "abc$1"} | environ)


def test_keep_leaves_a_secret_and_needs_one(ours: Ours) -> None:
    kept = FILE.replace("${HOOK_SECRET}", "!keep")
    with pytest.raises(Invalid, match=r'"Hook" has nothing yet that !keep could keep'):
        plan(ours, kept)
    plan(ours, FILE).make("cli")
    assert plan(ours, kept).changes == []


def test_an_address_with_a_key_in_it_is_exported_as_a_secret(ours: Ours) -> None:
    keyed = FILE.replace("/hook?${TIER}=1&b=$${c}", "/hook?api_key=canary-key")
    made = plan(ours, keyed)
    assert "canary-key" not in str(lines(made))
    made.make("cli")
    assert "canary-key" not in dump(ours.configuration.export())
    assert plan(ours, dump(ours.configuration.export()), {}).changes == []
    for_another = dump(ours.configuration.export(references=True))
    assert "url: ${HOOK_URL}" in for_another
    assert "canary-key" not in for_another


def test_what_is_not_named_is_left_alone_unless_it_is_to_be_pruned(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    rest = "ours: 1\nsources: {}\ndestinations: {}\n"
    assert plan(ours, rest).changes == []
    assert plan(ours, "ours: 1\n", prune=True).changes == []
    pruned = plan(ours, rest, prune=True)
    assert lines(pruned) == ["off Shop: status: active → deactivated", "off Hook: status: on → off"]
    pruned.make("cli")
    assert [one.status for one in ours.destinations.list()] == ["off", "off"]


def test_a_destination_that_paused_itself_is_not_resumed(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    from ours.store.queries import destinations

    with ours.store.write() as connection:
        destinations.change(connection, 1, {"status": "paused", "paused_for": "auth_failed"})
    assert plan(ours, FILE).changes == []
    assert ours.configuration.export()["destinations"]["Hook"]["status"] == "on"


def test_a_destination_that_a_person_paused_is_resumed(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    ours.destinations.pause(1, actor="cli")
    resumed = plan(ours, FILE)
    assert lines(resumed) == ["change Hook: status: paused → on"]
    resumed.make("cli")
    assert ours.destinations.get(1).status == "on"


def test_the_file_that_the_docs_show_can_be_applied(ours: Ours) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
    shown = re.search(r"```yaml\n(ours: 1.*?)```", page.read_text(), re.DOTALL)
    assert shown
    plan(ours, shown[1]).make("cli")
    assert plan(ours, shown[1]).changes == []
    keys = {key for one in ours.configuration.export()["destinations"].values() for key in one}
    assert keys == set(KEYS)


def governed(ours: Ours, rules: str, **how: bool) -> Plan:
    made = plan(ours, f"ours: 1\ngovernance:\n{rules}", **how)
    made.make("cli")
    assert plan(ours, f"ours: 1\ngovernance:\n{rules}", **how).changes == []
    return made


def rule(name: str, covers: str = "'*'") -> str:
    return f"- {{name: {name}, covers: [{covers}], logic: {{condition: {{property: event.id, operator: IsNull}}}}}}\n"


def test_rules_stand_in_the_order_of_the_file_and_others_keep_their_places(ours: Ours) -> None:
    def names() -> list[str]:
        return [one.name + ("" if one.enabled else " (off)") for one in ours.governance.list()]

    governed(ours, rule("A") + rule("B") + rule("C"))
    assert lines(governed(ours, rule("C") + rule("A"))) == ['change rules: order: ["A","B","C"] → ["C","B","A"]']
    assert names() == ["C", "B", "A"]
    governed(ours, rule("New") + rule("a"))
    assert names() == ["C", "B", "New", "a"]
    kept = {one.name: one.id for one in ours.governance.list()}
    assert lines(governed(ours, rule("a"), prune=True)) == [
        f"change rules: {name}: enabled: true → false" for name in ("C", "B", "New")
    ]
    assert names() == ["C (off)", "B (off)", "New (off)", "a"]
    assert {one.name: one.id for one in ours.governance.list()} == kept


def test_a_rule_whose_destination_was_removed_hinders_nothing(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    governed(ours, rule("Archive alone", "Archive"))
    ours.destinations.remove(ours.destinations.find("Archive").id, actor="cli")
    assert plan(ours, dump(ours.configuration.export())).changes == []
    governed(ours, rule("New"))
    assert ours.governance.find("Archive alone").covers == []


def test_what_exposes_somebody_needs_a_word_for_it_that_travels(ours: Ours) -> None:
    text = FILE.replace("    override: The team agreed on 3 March.\n", "")
    with pytest.raises(Invalid, match=r'"Hook" would let a person\'s data out in clear.*: plan\.'):
        plan(ours, text)
    assert plan(ours, text.replace("agreement: available", "agreement: signed")).changes
    plan(ours, FILE).make("cli")
    assert plan(ours, text).changes == []  # what was accepted once is not asked again
    document = ours.configuration.export()["destinations"]["Hook"]
    assert document["override"] == "The team agreed on 3 March."
    ours.destinations.update(1, agreement="signed", actor="cli")
    assert "override" not in ours.configuration.export()["destinations"]["Hook"]


@pytest.mark.parametrize("twin", ["shop", "Shop ", "SHOP"])
@pytest.mark.parametrize("section", ["sources", "destinations"])
def test_a_name_in_two_spellings_is_refused_before_anything_changes(ours: Ours, section: str, twin: str) -> None:
    one = "{status: active}" if section == "sources" else "{type: file, settings: {folder: /tmp/a}}"
    with pytest.raises(Invalid, match=f'"Shop" and "{twin}" are the same name'):
        plan(ours, f"ours: 1\n{section}: {{Shop: {one}, '{twin}': {one}}}")


def test_a_name_that_looks_like_one_there_is_that_one(ours: Ours) -> None:
    there, written = unicodedata.normalize("NFC", "Büro  EU"), unicodedata.normalize("NFD", "büro EU")
    text = (
        "ours: 1\nsources: {NAME: {status: active}}\ndestinations:\n  NAME: {type: file, settings: {folder: /tmp/a}, "
    )
    text += "sources: [NAME]}\ngovernance: [{name: R, covers: [NAME], logic: {condition: {property: event.event, "
    text += "operator: Is, value: x}}}]\n"
    plan(ours, text.replace("NAME", there)).make("cli")
    assert plan(ours, text.replace("NAME", written)).changes == []


def test_each_secret_has_a_reference_of_its_own_that_can_be_read_back(ours: Ours, open_: Open) -> None:
    names = ["Shop EU", "Shop-EU", "Büro", "1st shop", "東京", "京都"]
    for number, name in enumerate(names):
        settings = {"url": "https://example.com", "headers": {"X-A": f"a{number}", "X_A": f"b{number}"}}
        ours.destinations.add("webhook", name, settings, events=[], actor="cli")
    sections = ours.configuration.export(references=True)
    written = {name: one["settings"]["headers"] for name, one in sections["destinations"].items()}
    assert written["Büro"] == {"X-A": "${BURO_HEADERS_X_A}", "X_A": "${BURO_HEADERS_X_A_2}"}
    assert written["1st shop"]["X-A"] == "${_1ST_SHOP_HEADERS_X_A}"
    kept = {one.name: ours.destinations.kept(one.id)["headers"] for one in ours.destinations.list()}
    environ = {text[2:-1]: kept[name][header] for name, one in written.items() for header, text in one.items()}
    other = open_("sqlite")
    other.configuration.plan(load(dump(sections)), environ).make("cli")
    assert {one.name: other.destinations.kept(one.id)["headers"] for one in other.destinations.list()} == kept


@pytest.mark.parametrize("slip", ["${HOOK-SECRET}", "${BÜRO}", "${1ST}", "${ HOOK }", "${HOOK", "${}"])
def test_what_looks_like_a_reference_and_is_none_becomes_no_secret(ours: Ours, slip: str) -> None:
    text = f"ours: 1\ndestinations: {{A: {{type: file, settings: {{folder: '/tmp/{slip}'}}}}}}"
    with pytest.raises(Invalid, match='The destination "A": A reference is'):
        plan(ours, text)
    plan(ours, text.replace("${", "$${")).make("cli")
    assert ours.destinations.kept(1)["folder"] == f"/tmp/{slip}"
    assert plan(ours, dump(ours.configuration.export())).changes == []


def test_a_destination_of_a_deleted_source_does_not_come_to_hear_all(ours: Ours, open_: Open) -> None:
    plan(ours, FILE).make("cli")
    ours.sources.delete(ours.sources.find("Shop").id, actor="cli")
    text = dump(ours.configuration.export(references=True))
    assert plan(ours, text).changes == []
    with pytest.raises(Invalid, match='listens to "Shop", a source that is neither there nor in the file'):
        plan(open_("sqlite"), text)


@pytest.mark.parametrize("kind", ENGINES)
def test_a_plan_is_made_as_a_whole_or_not_at_all(kind: str, open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = open_(kind)
    made = plan(ours, FILE)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(ours.governance, "put", fail)
        with pytest.raises(RuntimeError):
            made.make("cli")
    assert (ours.sources.list(), ours.destinations.list(), ours.audit.list()) == ([], [], [])
    made.make("cli")
    assert plan(ours, FILE).changes == []
    (newest, *_) = ours.history.list()
    assert (newest.subject, newest.verb, newest.number) == ("governance", "apply", 1)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("ours: 2", "ours: 1"),
        ("sources: {}", "ours: 1"),
        ("ours: 1\nrules: {}", 'no section "rules"'),
        ("ours: 1\nsources: {A: {}, A: {}}", "stands twice"),
        ("ours: 1\nsources: {A: {colour: red}}", '"colour" is not known'),
        ("ours: 1\nsources: [A]", "must be a mapping"),
        ("ours: 1\ndestinations: {A: {type: nothing, events: []}}", 'no plugin "nothing"'),
        ("ours: 1\ndestinations: {A: {type: webhook, events: []}}", "settings.url"),
        ("ours: 1\ndestinations: {A: {type: webhook, settings: {url: '${NOPE}'}}}", "NOPE"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, status: maybe}}", "on, paused, off"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, mapping: {a: '{{'}}}", "mapping"),
        ("ours: [1", "can't be read"),
        ("ours: 1\nsources: {A: {rate_limit: 0}}", "1 to 100,000 requests"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, sources: [B]}}", 'listens to "B"'),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, sources: []}}", "at least one"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, category: toys}}", "no category"),
        ("ours: 1\ndestinations: {A: {type: file, settings: {folder: /tmp/x}, cases: [{logic: 1}]}}", "cases."),
        ("ours: 1\nsources: {A: {}}\ngovernance: {A: {}}", "list of rules"),
        ("ours: 1\nsources: {A: {}}\ngovernance: [{name: A, covers: [B]}]", 'covers "B"'),
        ("ours: 1\ngovernance: [{name: A, covers: []}]", "which destinations it covers"),
        ("ours: 1\ngovernance: [{name: A, covers: ['*'], logic: {}}]", 'The rule "A": The conditions'),
        ("ours: 1\ngovernance: [{name: A, covers: ['*'], enabled: off, logic: {}}]", "true or false"),
        (f"ours: 1\ngovernance: [{rule('A')[2:]}, {rule('a')[2:]}]", "stands twice"),
    ],
)
def test_a_file_that_can_not_be_changes_nothing_and_says_why(ours: Ours, wrong: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        plan(ours, wrong).make("cli")
    assert sentence in str(caught.value)
    assert ours.sources.list() == []


def test_all_that_is_wrong_is_told_at_once_and_of_which_destination(ours: Ours) -> None:
    one = "{{type: webhook, settings: {{url: '{}'}}, mapping: {{a: '{}'}}}}"
    text = "ours: 1\ndestinations:\n" + "".join(
        f"  {name}: {one.format(*given)}\n"
        for name, *given in (("A", "nope", ""), ("B", "https://b.example", "{{event.nme}}"), ("C", "${GONE}", ""))
    )
    with pytest.raises(Invalid) as caught:
        plan(ours, text)
    assert re.findall(r'The destination "(\w)":? (.{11})', str(caught.value)) == [
        ("A", "These setti"), ("B", "The mapping"), ("C", "refers to v")]  # fmt: skip
    assert list(caught.value.errors) == ["A.settings.url", "B.mapping.a"]


def without(ours: Ours, slug: str) -> None:
    """As if it had been started without that plugin."""
    ours.registry.loaded = tuple(one for one in ours.registry.loaded if one.slug != slug)
    ours.registry._by_slug.pop(slug)


def test_what_has_no_plugin_is_exported_and_can_be_applied_unchanged(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    before = ours.configuration.export()["destinations"]["Hook"]
    kept = ours.destinations.kept(ours.destinations.find("Hook").id)
    without(ours, "webhook")
    text = dump(ours.configuration.export())
    after = load(text)["destinations"]["Hook"]
    assert {key for key in after if after[key] != before[key]} == {"settings"}
    assert {repr(value) for value in after["settings"].values()} == {"!keep"}
    assert not plan(ours, text).changes
    (change,) = plan(ours, text.replace("rate_limit: 50.0", "rate_limit: 60.0")).changes
    assert change.details == ["limits.rate_limit: 50.0 → 60.0"]
    plan(ours, text.replace("rate_limit: 50.0", "rate_limit: 60.0")).make("cli")
    found = ours.destinations.find("Hook")
    assert (ours.destinations.kept(found.id), found.limits.rate_limit) == (kept, 60.0)
    (paused,) = plan(
        ours, text.replace("rate_limit: 50.0", "rate_limit: 60.0").replace("status: 'on'", "status: paused")
    ).changes
    assert paused.details == ["status: on → paused"]
    with pytest.raises(Invalid, match="plugin is not loaded"):
        plan(ours, text.replace("plan: gold", "plan: silver"))


def test_what_does_not_fit_its_plugin_can_be_applied_unchanged(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    found = ours.destinations.find("Archive").id
    with ours.store.write() as connection:
        sealed = ours.store.sealer.seal_json({"directory": "/var/lib"}, f"destinations:{found}:settings")
        destinations.change(connection, found, {"settings": sealed})
    assert ours.destinations.get(found).unfit
    assert not plan(ours, dump(ours.configuration.export())).changes


def test_what_the_plugin_has_no_word_for_any_more_is_not_told_in_clear(ours: Ours) -> None:
    plan(ours, FILE).make("cli")
    found = ours.destinations.find("Hook").id
    with ours.store.write() as connection:
        kept = {"url": "https://example.com/hook", "token": "what-a-version-before-called-a-secret"}
        sealed = ours.store.sealer.seal_json(kept, f"destinations:{found}:settings")
        destinations.change(connection, found, {"settings": sealed})
    told = lines(plan(ours, FILE))
    assert "change Hook: settings.token changes" in told
    assert not [line for line in told if "what-a-version-before" in line]


def test_a_plan_and_what_it_does_read_no_more_for_each_rule_and_destination_because_there_are_many(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 12
    hooks = {f"Hook {n}": {"type": "webhook", "settings": {"url": "https://example.com", "secret": SECRET},
                           "events": ["A", "B"]} for n in range(count)}  # fmt: skip
    never = {"condition": {"property": "event.event", "operator": "Is", "value": "none"}}
    rules = [{"name": f"Rule {n}", "covers": [f"Hook {n}"], "logic": never} for n in range(count)]
    plan(ours, dump({"ours": 1, "destinations": hooks, "governance": rules})).make("cli")
    changed = {name: one | {"events": ["A", "C"]} for name, one in hooks.items()}
    noted = [one | {"note": "Anew."} for one in rules]
    read: list[str] = []
    lists, listed = destinations.allowed_names, type(ours.destinations).list
    monkeypatch.setattr(destinations, "allowed_names", lambda connection: read.append("lists") or lists(connection))
    monkeypatch.setattr(type(ours.destinations), "list", lambda self: read.append("whole") or listed(self))
    made = plan(ours, dump({"ours": 1, "destinations": changed, "governance": noted}))
    assert len(made.changes) == count + 1
    assert read == ["whole", "lists"]  # once, for all of them
    made.make("cli")
    assert read == ["whole", "lists"]
    assert all(one.events == ("A", "C") for one in listed(ours.destinations))
