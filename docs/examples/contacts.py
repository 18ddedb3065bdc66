"""Makes a contact known to a CRM, and then what the contact did: two requests for each event."""

from collections.abc import Mapping
from typing import Any

from requests import RequestException

from ours.plugin import (
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Mapped,
    Network,
    Outcome,
    Request,
    Schema,
    Secret,
    by_status,
    hookimpl,
    unanswered,
)


class Contacts(Destination):
    slug = "contacts"
    label = "CRM contacts"
    summary = "Makes the contact if it is new, then adds the event to it."
    category = "crm"
    default_mapping = {"contact": Mapped("{{event.user_id}}", required=True), "event": "{{event.event}}"}

    class Settings(Schema):
        url = Endpoint(required=True, metadata={"label": "Address", "help": "What the API's paths begin with."})
        key = Secret(required=True, metadata={"label": "Key", "help": "The CRM's settings page shows it once."})

    def build(self, delivery: Delivery) -> Request:
        body = {"id": delivery.id, **delivery.fields}
        return Request("POST", f"{delivery.settings['url']}/events", json=body)

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:
        event: Any = request.json
        try:
            with network.session() as session:
                session.headers["X-Key"] = settings["key"].reveal()
                known = by_status(session.put(f"{settings['url']}/contacts", json={"id": event.get("contact")}))
                if not isinstance(known, Delivered):
                    return known
                return by_status(session.post(request.url, json=event))
        except RequestException as error:
            return unanswered(error)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Contacts]
