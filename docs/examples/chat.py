"""Says in a team's chat room what has happened."""

from ours.plugin import Delivery, Destination, Endpoint, Rejected, Request, Schema, Secret, hookimpl


class Chat(Destination):
    slug = "chat"
    label = "Team chat"
    summary = "Posts one line of text to a chat room for each event."
    default_mapping = {"text": "{{event.event}} at {{event.time}}"}

    class Settings(Schema):
        url = Endpoint(required=True, metadata={"label": "Room", "help": "The address that messages are posted to."})
        token = Secret(required=True, metadata={"label": "Token", "help": "The chat's settings page shows it once."})

    def build(self, delivery: Delivery) -> Request | Rejected:
        if not (text := delivery.fields.get("text")):
            return Rejected("no_text", "The mapping gives no text for this event: map the field text.")
        headers = {"Authorization": f"Bearer {delivery.settings['token'].reveal()}"}
        return Request("POST", delivery.settings["url"], headers=headers, json={"text": str(text)})


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Chat]
