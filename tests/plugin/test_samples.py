"""Sample deliveries are like those that Ours makes, and hostile bags are what ingestion lets through."""

import json

import pytest

from ours.core.mapping import compile_mapping, context_of
from ours.plugin import EVENT_MAPPING
from ours.plugin.testing import SAMPLES, hostile_bags, sample_delivery, sample_event, sample_visitor

MAPPING = {
    **EVENT_MAPPING,
    "email": "{{event.email}}",
    "moments": "{{event.time_ms}} {{event.received_at}}",
    "ip": "{{event.request_context.ip}}",
    "agent": "{{event.request_context.user_agent}}",
    "page": "{{event.default_properties.current_url}}",
    "value": "{{event.event_properties.value}}",
    "deep": "{{event.event_properties.items}}",
    "missing": "{{event.event_properties.nothing.here}}",
    "text": "{{event.event}}: {{event.event_properties.value}} {{event.event_properties.items}}{{event.external_id}}!",
    "zero": "{{event.event_properties.score}} {{event.event_properties.consented}}",
    "literal": "web",
    "empty": "",
    "who": "{{visitor.id}}/{{visitor.external_id}}/{{visitor.email_sha256}}",
    "address": "{{visitor.email}}",
    "plan": "{{visitor.custom_properties.plan}}",
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_samples_fields_are_what_the_house_itself_maps(sample: str) -> None:
    mapped = compile_mapping(MAPPING).apply(context_of(SAMPLES[sample], sample_visitor(SAMPLES[sample])))
    assert sample_delivery(sample, mapping=MAPPING).fields == mapped


def test_samples_can_be_changed() -> None:
    delivery = sample_delivery("lead", attempt=3, event=sample_event("lead", name="Other"), settings={"a": 1})
    assert (delivery.attempt, delivery.event.name, delivery.settings) == (3, "Other", {"a": 1})
    assert delivery.fields["event"] == "Other"
    assert sample_delivery(fields={"only": 1}).fields == {"only": 1}


def test_hostile_bags_are_the_same_at_every_run_and_plain_json() -> None:
    bags = list(hostile_bags())
    assert bags == list(hostile_bags())
    assert bags != list(hostile_bags(seed=1))
    assert all(json.loads(json.dumps(bag, allow_nan=False)) == bag for bag in bags)


def test_hostile_bags_are_no_deeper_than_ingestion_allows() -> None:
    def depth(value: object) -> int:
        if isinstance(value, dict):
            return 1 + max((depth(inner) for inner in value.values()), default=0)
        return max((depth(inner) for inner in value), default=0) if isinstance(value, list) else 0

    assert 2 < max(depth(bag) for bag in hostile_bags(count=300)) <= 5
