"""RudderStack, where it is not as Segment is; what both have in common is in ``test_segment``."""

from typing import ClassVar

import pytest

from destinations.segment import RudderStack
from ours.plugin import ValidationError, load_settings
from ours.plugin.testing import DestinationContract
from tests.destinations.test_segment import GIVEN, KEY, SAID, item


class TestRudderStack(DestinationContract):
    destination = RudderStack
    settings: ClassVar = GIVEN[RudderStack]


def test_traits_and_what_else_is_of_the_context_stand_side_by_side() -> None:
    fields = {"traits.plan": "gold", "context.ip": "192.0.2.7", "context.traits.x": 1, "consent.ads": "yes"}
    context = item(RudderStack, "identify", fields)["context"]
    assert (context["traits"], context["ip"]) == ({"plan": "gold"}, "192.0.2.7")
    assert context["consentManagement"]["allowedConsentIds"] == ["ads"]


def test_consent_is_said_to_rudderstack_by_who_is_allowed_and_who_is_denied() -> None:
    assert item(RudderStack, fields=SAID)["context"]["consentManagement"] == {
        "provider": "custom", "allowedConsentIds": ["stats"], "deniedConsentIds": ["ads", "odd"],
    }  # fmt: skip


def test_rudderstacks_address_is_asked_for() -> None:
    with pytest.raises(ValidationError, match="endpoint"):
        load_settings(RudderStack, KEY)
