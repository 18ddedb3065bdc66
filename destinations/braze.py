"""Braze: what people do and buy, and who they are, by /users/track."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ours.plugin import (
    IDENTIFY,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Skipped,
    Unknown,
    by_api_answer,
    fields,
    hookimpl,
    iso,
    read_object,
    refused_together,
    refused_whole,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import currency, granted, number, read_all, text, under, unreadable, whole

ATTRIBUTE, BRAZES_OWN = "attribute.", "$"
EVENTS, PURCHASES, ATTRIBUTES = "events", "purchases", "attributes"
PEOPLE = ("braze_id", "external_id", "email", "phone")
STEERS = {"braze_id", "external_id", "user_alias", "_update_existing_only", "push_token_import"}
EVENT = {"name", "properties", "product_id", "marketing_consent", *PEOPLE}
SUM = {"value": number, "currency": currency, "quantity": whole}
GENDERS = {"male": "M", "female": "F", "other": "O", "not applicable": "N", "prefer not to say": "P"}
LONGEST, LARGEST, MOST_BOUGHT = 255, 50_000, 100
SUCCESS, QUEUED = "success", "queued"
COUNTED = (EVENTS, PURCHASES)  # of attributes Braze counts the people
NOT_TOLD = Unknown("not_told", "Braze did not take all of them, and did not say which.")


def day(value: Any) -> str | None:
    """``"19900228"`` → ``"1990-02-28"``."""
    read = ids.birthday(value)
    return f"{read[:4]}-{read[4:6]}-{read[6:]}" if read else None


def gender(value: Any) -> str | None:
    """``"female"`` and ``"f"`` → ``"F"``: one of five letters."""
    said = (text(value) or "").lower()
    return GENDERS.get(said) or (said.upper() if said.upper() in GENDERS.values() else None)


def country(value: Any) -> str | None:
    return (ids.country_code(value) or "").upper() or None


PERSON: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("first_name", "last_name", "home_city", "language", "time_zone", "image_url"), text),
    "dob": day,
    "gender": gender,
    "country": country,
}


class Braze(Destination):
    """Up to 75 events a request, each with its own verdict: what is wrong is rejected, and the others stay accepted.
    `$identify` updates the person's attributes instead; add it to the allow list and map what Braze may know of them.

    Braze is told of a person by one identifier. The first of `braze_id`, `external_id`, `email` and `phone` that is
    known is sent; where there is none, the event is rejected. What somebody did whom it does not know makes a profile
    there, unless the settings forbid it. But for the first, they leave in clear, so it is added with an agreement that
    is signed, or with your word for it.

    Braze drops no repeat: an event that comes twice counts twice, and its messages go out twice. So a try that got no
    answer waits for a person.

    A field that is none of the following becomes a property of the event. Texts are cut at 255 characters, which is the
    most that Braze takes.

    | field | what it is |
    |---|---|
    | `name` | the event's name, at most 255 characters |
    | `external_id` | your id of the person, in clear |
    | `email` | in clear; it stands in where no id is known, and an identify sets it |
    | `phone` | in clear, with its country code; the same of a phone number. Not mapped unless you do |
    | `braze_id` | Braze's own id of the person; not mapped unless you do |
    | `properties` | an object whose entries become properties, but for names that Braze takes from nobody: those that \
begin with `$` or are too long |
    | `value`, `currency` | properties, as a number and as three letters; rejected if they can't be read |
    | `product_id` | makes it a purchase of that, at the price `value` in `currency`, `quantity` times (1 to 100; 1 \
if it is not said). Not mapped unless you do: Braze would rather have events |
    | `attribute.NAME` | of the person, for `$identify`: `first_name`, `last_name`, `home_city`, `country`, `dob`, \
`gender`, `language`, `time_zone`, `image_url`; any other is an attribute of yours |
    | `marketing_consent` | for `$identify`: no in any spelling, and what can't be read, unsubscribes from emails and \
pushes; yes sets nothing, for whoever unsubscribed there must not be subscribed anew. Not mapped unless you do |

    What has no value inside an attribute is left out: for one, Braze would drop what others of the request have there.
    The properties of an event have at most 50 kB.

    | answer | what follows |
    |---|---|
    | 2xx with `success`; 202 with `queued` | delivered |
    | 2xx with `success` and `errors` | those rejected with Braze's reason, the others delivered |
    | the same with an error that names none, or fewer counted than were sent | of the others nobody knows: a person \
decides |
    | 2xx with anything else | nobody knows: a person decides |
    | 400 with `errors` that name some | none was kept: those are rejected, the others go again |
    | all else that is refused, and names none | sent in smaller parts, and rejected alone |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five in a row, it pauses |
    | 413 | sent in smaller parts |
    | 429; 5xx | the destination rests; tried again |

    Not yet run against the vendor.
    """

    slug = "braze"
    label = "Braze"
    summary = "Sends Braze who people are and what they do and buy, so that it can message them."
    category = "crm"
    identify = "profile"
    batching = Batching(max_items=75)
    agreement = (
        "Braze signs a business associate agreement by contract only: sign it before you send health data. A message"
        " that it sends can itself reveal a condition."
    )
    default_mapping = {
        "name": "{{event.event}}",
        "external_id": "{{event.external_id || visitor.external_id}}",
        "email": "{{visitor.email}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
    }

    class Settings(Schema):
        api_key = usual.key("REST API key", "Settings, APIs and Identifiers. It needs the permission users.track.")
        endpoint = Endpoint(required=True, metadata={
            "label": "REST endpoint", "example": "https://rest.iad-01.braze.com",
            "help": "Your instance's: Settings, APIs and Identifiers."})  # fmt: skip
        app_id = fields.String(validate=validate.Regexp(
            r"[A-Za-z0-9_-]{1,64}\Z", error="Must be an app's identifier: letters, digits and hyphens."), metadata={
            "label": "App", "help": "The identifier of the app that the events belong to, if any."})  # fmt: skip
        existing_only = fields.Boolean(load_default=False, metadata={
            "label": "Known people only",
            "help": "Creates no profiles: Braze drops data about people it does not know."})  # fmt: skip
        phone_region = usual.phone_region()

    def item(self, delivery: Delivery) -> Any:
        """``{"events": {…}}``, say: what it is, by the list of the request that it goes into."""
        given, settings = delivery.fields, delivery.settings
        who = person(given, settings.get("phone_region"))
        if not who:
            return Rejected("no_identifier", "Neither an id nor an email of the visitor is known.", "external_id")
        only = {"_update_existing_only": True} if settings["existing_only"] else {}
        if delivery.event.name == IDENTIFY:
            known = update(given, settings.get("phone_region"))
            return known if isinstance(known, Skipped | Rejected) else {ATTRIBUTES: {**known, **who, **only}}
        kind = PURCHASES if text(given.get("product_id")) else EVENTS
        what = purchase(given) if kind == PURCHASES else occurrence(given)
        if isinstance(what, Rejected):
            return what
        app = {"app_id": settings["app_id"]} if "app_id" in settings else {}
        return {kind: {**who, **app, **what, "time": iso(delivery.event.occurred_at), **only}}

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        body: dict[str, list[Any]] = {}
        for item in items:
            for kind, what in item.items():
                body.setdefault(kind, []).append(what)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings['api_key'].reveal()}"}
        url = f"{settings['endpoint'].rstrip('/')}/users/track"
        return Request("POST", url, headers=headers, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        said, status = read_object(response), response.status_code
        message, errors, places = said.get("message"), said.get("errors") or [], by_kind(items)
        blames = [(blamed(one, places), one) for one in (errors if isinstance(errors, list) else [errors])]
        named = {place: refused(one) for place, one in blames if place is not None}
        queued = status == 202 and message == QUEUED
        outcome = by_api_answer(response, taken=queued or message == SUCCESS)
        if isinstance(outcome, Delivered):
            return verdicts(said, places, named, vague=any(place is None for place, _ in blames))
        if status == 400 and named:
            return refused_together(named, len(items), "Braze")
        if isinstance(outcome, Rejected):
            outcome = Rejected(outcome.code, text(message) or outcome.message)
        return refused_whole(outcome, len(items), "Braze")


def person(given: Mapping[str, Any], region: str | None) -> dict[str, str]:
    """The one identifier by which Braze is told of them; empty where nobody is named."""
    known = {
        "braze_id": text(given.get("braze_id")),
        "external_id": ids.somebody(given.get("external_id")),
        "email": ids.email(given.get("email")),
        "phone": ids.phone(given.get("phone"), region),
    }
    return next(({name: one} for name, one in known.items() if one), {})


def occurrence(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    name = text(given.get("name"))
    if not name:
        return Rejected("no_name", "The mapping gives no name for this event.", "name")
    if len(name) > LONGEST:
        return Rejected("invalid_name", f"A name has at most {LONGEST} characters.", "name")
    own = properties(given)
    return own if isinstance(own, Rejected) else {"name": name, "properties": own}


def purchase(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    own = properties(given)
    if isinstance(own, Rejected):
        return own
    sums, _ = read_all({field: given[field] for field in SUM if field in given}, SUM)
    bought = {"price": sums.get("value"), "currency": sums.get("currency"), "quantity": sums.get("quantity", 1)}
    if missing := next((field for field, value in bought.items() if value is None), None):
        field = "value" if missing == "price" else missing
        return Rejected(f"no_{field}", "A purchase has a price, value, and its currency.", field)
    if not 1 <= bought["quantity"] <= MOST_BOUGHT:
        return Rejected("invalid_quantity", f"A purchase is of 1 to {MOST_BOUGHT}.", "quantity")
    rest = {field: value for field, value in own.items() if field not in SUM}
    return {"product_id": cut(text(given.get("product_id"))), **bought, "properties": rest}


def properties(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    read, wrong = read_all(given, SUM)
    if wrong:
        return unreadable(wrong, SUM[wrong])
    own = {field: value for field, value in read.items() if field not in EVENT and not field.startswith(ATTRIBUTE)}
    if strange := next((field for field in own if not is_fine(field)), None):
        said = f"A property's name has at most {LONGEST} characters, and begins with no {BRAZES_OWN}."
        return Rejected("invalid_property", said, strange)
    bag = given.get("properties")
    many = bag.items() if isinstance(bag, Mapping) else ()
    made = {field: cut(value) for field, value in many if value is not None and is_fine(field)}
    made |= {field: cut(value) for field, value in own.items()}
    too_large = Rejected("too_large", f"The properties of an event have at most {LARGEST:,} bytes.", "properties")
    return made if len(to_json(made)) <= LARGEST else too_large


def is_fine(name: str) -> bool:
    return 0 < len(name) <= LONGEST and not name.startswith(BRAZES_OWN)


def cut(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value


def update(given: Mapping[str, Any], region: str | None) -> Any:
    """The attributes, or why there are none to set."""
    read, wrong = read_all(under(ATTRIBUTE, given), PERSON)
    if wrong:
        return unreadable(ATTRIBUTE + wrong, PERSON[wrong])
    contacts = {"email": ids.email(given.get("email")), "phone": ids.phone(given.get("phone"), region)}
    known = {field: full(value) for field, value in {**read, **contacts}.items() if value is not None}
    if granted(given.get("marketing_consent")) is False:
        known |= {"email_subscribe": "unsubscribed", "push_subscribe": "unsubscribed"}
    if not known:
        return Skipped("nothing_to_set", f"Map what Braze may know of the person: {ATTRIBUTE}plan, say.")
    if strange := next((field for field in known if field in STEERS or not is_fine(field)), None):
        return Rejected("invalid_attribute", "Braze has no attribute of this name: give it another.", strange)
    return known


def full(value: Any) -> Any:
    """Without what is null, however deep."""
    if isinstance(value, Mapping):
        return {name: full(one) for name, one in value.items() if one is not None}
    return [full(one) for one in value if one is not None] if isinstance(value, list) else cut(value)


def by_kind(items: Sequence[Any]) -> Mapping[str, Sequence[int]]:
    """Where they stand among ``items``: Braze counts events, purchases and attributes apart."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(next(iter(item), EVENTS), []).append(place)
    return places


def blamed(error: Any, places: Mapping[str, Sequence[int]]) -> int | None:
    """Which of the items it is about; None where it does not say."""
    told = error if isinstance(error, Mapping) else {}
    kind, index = told.get("input_array"), told.get("index")
    like = places.get(kind, ()) if isinstance(kind, str) else ()
    return like[index] if type(index) is int and 0 <= index < len(like) else None


def refused(error: Mapping[str, Any]) -> Outcome:
    return Rejected("refused", text(error.get("type")) or "Braze refused it.")


def verdicts(
    said: Mapping[str, Any], places: Mapping[str, Sequence[int]], named: Mapping[int, Outcome], *, vague: bool
) -> Sequence[Outcome]:
    """Of a success. Who is not named was taken, unless there is one more to blame, or Braze counts fewer."""
    told = dict(named)
    for kind, of_kind in places.items():
        others, count = [place for place in of_kind if place not in named], said.get(f"{kind}_processed")
        short = kind in COUNTED and type(count) is int and count < len(others)
        told |= dict.fromkeys(others, NOT_TOLD if vague or short else Delivered())
    return [told[place] for place in sorted(told)]


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Braze]
