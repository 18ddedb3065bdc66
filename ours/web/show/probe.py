"""Sends the test event that a person asks for, through a source's own test key."""

from ours import clock
from ours.core.incoming import Incoming
from ours.errors import Invalid
from ours.services.accept import Caller, Receipt
from ours.services.sources import working_key
from ours.web.current import ours
from ours.web.show.door import person

_AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
_NO_KEY = "A test event needs a source's test key, and no active source has one. Add a source first."


def send_test_event(name: str) -> Receipt:
    """Accept a test event of that name; it goes to all destinations, and nowhere for real.

    It is an invented visitor's and has what vendors ask for: what plugins build of it is to be seen, not what it lacks.

    :raises Invalid: when there is no name, or no test key to send it with.
    """
    name = name.strip()
    if not 1 <= len(name) <= 1000 or "\0" in name:
        raise Invalid("Enter the name of the event to send: 1 to 1000 characters.")
    item = Incoming(
        name=name,
        occurred_at=clock.now_ms(),
        external_id="test-visitor",
        event_properties={"sent_from": "dashboard", "order_id": "test-order", "value": 99.99, "currency": "EUR"},
        user_properties={"first_name": "Test", "last_name": "Visitor", "email": "test-visitor@example.com"},
        default_properties={"current_url": "https://shop.example.com/checkout", "user_agent": _AGENT},
        identity_context={"ip": "203.0.113.7", "userAgent": _AGENT},
    )
    return ours().accept.accept(_caller(), [item])[0]


def _caller() -> Caller:
    """The audit log keeps who sends with it."""
    for source in ours().sources.list():
        key = working_key(ours().sources.keys(source.id), "test") if source.status == "active" else None
        caller = ours().accept.authenticate(key.text.reveal()) if key else None
        if key and caller:
            ours().audit.note_sent(source.id, key.id, key.mode, actor=person().actor)
            return caller
    raise Invalid(_NO_KEY)
