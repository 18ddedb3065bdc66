"""Pinterest ads, by the Conversions API."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ours.plugin import (
    IDENTIFY,
    NO_CONVERSION,
    USER_AGENT,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Split,
    Unknown,
    by_api_answer,
    click_id,
    fields,
    hookimpl,
    read_object,
    to_json,
    usual,
    validate,
)
from ours.plugin import identifiers as ids
from ours.plugin.values import (
    address,
    amount,
    currency,
    granted,
    known_name,
    objected,
    present,
    read_all,
    rows,
    text,
    texts,
    unreadable,
    whole,
)

EVENTS = {
    "add_payment_info", "add_to_cart", "add_to_wishlist", "app_install", "app_open", "checkout", "contact", "custom",
    "customize_product", "find_location", "initiate_checkout", "lead", "page_visit", "schedule", "search", "signup",
    "start_trial", "submit_application", "subscribe", "view_category", "view_content", "watch_video",
}  # fmt: skip
SAME = {"purchase": "checkout", "order_completed": "checkout", "sign_up": "signup", "complete_registration": "signup",
        "page_view": "page_visit"}  # fmt: skip
SOURCES = ["web", "offline", "app_android", "app_ios"]
HASHED = ("email", "email_sha256", "phone", "first_name", "last_name", "gender", "date_of_birth", "city", "state",
          "zip", "country", "external_id", "device_id")  # fmt: skip
CLEAR = ("client_ip_address", "client_user_agent", "click_id", "partner_id")
CONSENTS = ("ad_user_data", "ad_personalization")
EVENT = {"event_name", "event_id", "action_source", "event_source_url", "opt_out", *HASHED, *CLEAR, *CONSENTS}
LINE = {
    "id": (text, ("id", "product_id", "item_id", "content_id", "sku")),
    "item_name": (text, ("item_name", "content_name", "name")),
    "item_category": (text, ("item_category", "category")), "item_brand": (text, ("item_brand", "brand")),
    "item_price": (amount, ("item_price", "price")), "quantity": (whole, ("quantity",)),
}  # fmt: skip
CUSTOM: Mapping[str, Callable[[Any], Any]] = {
    "value": amount, "predicted_ltv": amount, "currency": currency, "order_id": text, "num_items": whole,
    "content_ids": texts, "contents": partial(rows, rules=LINE), "content_name": text, "content_category": text,
    "content_brand": text, "search_string": text, "opt_out_type": text,
}  # fmt: skip
NOT_TOLD = Unknown("not_told", "Pinterest's answer does not say what became of this event.")


class Pinterest(Destination):
    """Up to 1,000 events a request, each with its own verdict. Whatever names a person leaves as SHA-256 only, written
    as Pinterest writes it. An `$identify` is no conversion and is passed over.

    Pinterest knows 22 events, such as `add_to_cart`, as which `AddToCart` is sent too. `Purchase` and `Order Completed`
    are sent as `checkout`, `Sign Up` and `CompleteRegistration` as `signup`, `PageView` as `page_visit`. Any other is
    rejected, with the list of them: rename it, or name it in the settings.

    | field | what it is |
    |---|---|
    | `event_name`, `event_id` | as above, and what Pinterest's tag and this are compared by, else the delivery's id |
    | `email`, `phone`, `first_name`, `last_name`, `city`, `state`, `zip`, `country`, `external_id` | hashed |
    | `email_sha256` | stands in where no `email` is known |
    | `gender`, `date_of_birth`, `device_id` (a phone's, for ads) | hashed; not mapped unless you do |
    | `click_id`, `client_user_agent` | in clear: the tag's `epik`, and the browser |
    | `client_ip_address`, `partner_id` | in clear; not mapped unless you do |
    | `event_source_url` | reduced to the site, unless the settings allow more |
    | `action_source` | `web`, `offline`, `app_android` or `app_ios`, instead of what the settings say |
    | `opt_out` | yes in any spelling, and what can't be read: this visitor is not tracked |
    | `ad_user_data`, `ad_personalization` | consent: a no, and what can't be read, is an `opt_out` |
    | `value`, `currency` | a number and three letters; without a currency it is your account's |
    | `order_id` | a text, or a whole number; all else is rejected |
    | `num_items`, `content_ids`, `search_string` and all else of `custom_data` | as Pinterest calls it |
    | `opt_out_type` | map `LDP` to it to ask for limited data processing, with `state` and `country` |
    | `contents` | a list of what was bought: `id` (or `product_id`, `item_id`, `sku`), `item_name`, `item_category`, \
`item_brand`, `item_price`, `quantity`; the rest of it stays here. Not mapped unless you do |

    Pinterest wants an email, a phone's id for ads, or an IP address with a browser. It refuses a whole request for a
    field that it does not know, so an event with any other is rejected here. One that comes twice by this API may count
    twice: Pinterest compares events with its tag's, and not offline ones. So a try that got no answer waits for a
    person. What comes an hour late counts as offline.

    | answer | what follows |
    |---|---|
    | 200 or 422 with a verdict for each event | those `processed` delivered, those `failed` rejected with its reason |
    | 422 without them | nobody knows which: a person decides; alone, it is rejected |
    | 400 | the whole request was refused: looked for in halves, and the wrong one rejected alone |
    | 401–405, 407, 410, 421, a redirect, a web page, a 4xx that is no JSON | after five in a row, it pauses |
    | 413; 429; 5xx | sent in smaller parts; the destination rests; tried again |

    Not yet run against the vendor.
    """

    slug = "pinterest"
    label = "Pinterest Conversions API"
    summary = "Sends conversions to Pinterest ads; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    batching = Batching(max_items=1000, max_bytes=1_000_000)
    hashed = HASHED
    agreement = "No business associate agreement is known: rename events, and map nothing that reveals a condition."
    default_mapping = {
        "event_name": "{{event.event}}",
        "event_id": "{{event.distinct_id}}",
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "phone": "{{visitor.phone_number}}",
        "first_name": "{{visitor.first_name}}",
        "last_name": "{{visitor.last_name}}",
        "city": "{{visitor.city}}",
        "state": "{{visitor.state}}",
        "zip": "{{visitor.zip}}",
        "country": "{{visitor.country}}",
        "external_id": "{{event.external_id}}",
        "click_id": click_id("epik"),
        "client_user_agent": USER_AGENT,
        "event_source_url": "{{event.default_properties.current_url}}",
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
        "order_id": "{{event.event_properties.order_id}}",
        "ad_user_data": "{{visitor.consent.ad_user_data}}",
        "ad_personalization": "{{visitor.consent.ad_personalization}}",
    }

    class Settings(Schema):
        ad_account_id = fields.String(required=True, validate=validate.Regexp(
            r"\d{1,18}\Z", error="Must be an ad account's number."), metadata={
            "label": "Ad account", "example": "549755885175", "help": "Its id, in Ads Manager."})  # fmt: skip
        access_token = usual.key("Conversion token", "Ads Manager, Conversions, Generate token.")
        action_source = fields.String(load_default="web", validate=validate.OneOf(SOURCES), metadata={
            "label": "Action source", "help": "Where the events happen, unless the mapping says it."})  # fmt: skip
        own_events = usual.own_events()
        url_detail = usual.url_detail()
        external_id_key = usual.external_id_key("Pinterest")
        phone_region = usual.phone_region()
        test_mode = fields.Boolean(load_default=False, metadata={
            "label": "Test", "help": "Pinterest checks the events and records none."})  # fmt: skip
        api_version = usual.api_version("v5")
        endpoint = usual.endpoint("https://api.pinterest.com", "Pinterest")

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        custom = custom_data(given)
        if isinstance(custom, Rejected):
            return custom
        denied = any(granted(given.get(name)) is False for name in CONSENTS)
        event = {
            "event_name": known_name(given.get("event_name"), EVENTS, SAME, settings["own_events"]),
            "action_source": text(given.get("action_source")) or settings["action_source"],
            "event_time": delivery.event.occurred_at // 1000,
            "event_id": text(given.get("event_id")) or delivery.id,
            "event_source_url": address(given.get("event_source_url"), settings["url_detail"]),
            "opt_out": denied or objected(given.get("opt_out")) or None,
            "user_data": user_data(given, settings),
            "custom_data": custom,
        }
        return wrong(event) or present(event)

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {settings['access_token'].reveal()}"}
        path = f"{settings['api_version']}/ad_accounts/{settings['ad_account_id']}/events"
        query = {"test": "true"} if settings["test_mode"] else {}
        url = f"{settings['endpoint'].rstrip('/')}/{path}"
        return Request("POST", url, params=query, headers=headers, data=to_json({"data": list(items)}))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        status, answer = response.status_code, read_object(response)
        told = verdicts_in(answer)
        if status in (200, 422) and len(told) == len(items):
            return [verdict(one) for one in told]
        outcome = by_api_answer(response, taken=True)
        if status in (400, 422) and isinstance(outcome, Rejected):
            return refused(status, answer, alone=len(items) == 1)
        told_all = answer.get("num_events_processed") == len(items)
        return outcome if told_all or not isinstance(outcome, Delivered) else NOT_TOLD


def user_data(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Whom it is about, as far as anything of it can be read: lists of hashes, and what leaves in clear."""
    country = given.get("country")
    phone, state = partial(ids.phone_digits, region=settings.get("phone_region")), partial(ids.state, country=country)
    rules: dict[str, tuple[str, Callable[[Any], str | None]]] = {
        "ph": ("phone", phone), "fn": ("first_name", ids.lowered), "ln": ("last_name", ids.lowered),
        "ge": ("gender", ids.gender), "db": ("date_of_birth", ids.birthday), "ct": ("city", ids.place),
        "st": ("state", state), "zp": ("zip", partial(digits, country=country)),
        "country": ("country", ids.country_code), "hashed_maids": ("device_id", ids.plain),
    }  # fmt: skip
    found = {name: ids.hashed(given.get(field), rule) for name, (field, rule) in rules.items()}
    found["em"] = ids.hashed(given.get("email"), ids.email) or ids.hashed(given.get("email_sha256"), ids.email)
    found["external_id"] = ids.external_id(given.get("external_id"), settings.get("external_id_key"))
    hashes = {name: [one] for name, one in found.items() if one}
    return hashes | present({name: text(given.get(name)) for name in CLEAR})


def digits(value: Any, country: Any) -> str | None:
    """A postal code of digits alone: Pinterest has no form for others."""
    written = ids.postal_code(value, country) or ""
    return written if written.isascii() and written.isdigit() else None


def custom_data(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    own = {name: value for name, value in given.items() if name not in EVENT}
    if strange := min(own.keys() - CUSTOM.keys(), default=None):
        return Rejected("unknown_field", f"Pinterest would refuse the whole request for {strange}.", strange)
    read, unread = read_all(own, CUSTOM)
    return unreadable(unread, CUSTOM[unread]) if unread else present(read)


def wrong(event: Mapping[str, Any]) -> Rejected | None:
    person = event["user_data"].keys()
    if not event["event_name"]:
        return Rejected("unknown_event_name", f"Pinterest knows {', '.join(sorted(EVENTS))}.", "event_name")
    if event["action_source"] not in SOURCES:
        return Rejected("unknown_action_source", f"Pinterest knows {', '.join(SOURCES)}.", "action_source")
    if not (person & {"em", "hashed_maids"} or {"client_ip_address", "client_user_agent"} <= person):
        said = "An email, a device_id, or an IP address with a browser must be known."
        return Rejected("no_user_data", said, "user_data")
    return None


def verdicts_in(answer: Mapping[str, Any]) -> Sequence[Any]:
    """One for each event, in their order; in the details of a 422."""
    details = answer.get("details")
    told = (details if isinstance(details, Mapping) else answer).get("events")
    return told if isinstance(told, list) else []


def verdict(one: Any) -> Outcome:
    said = one if isinstance(one, Mapping) else {}
    if said.get("status") == "failed":
        return Rejected("pinterest_failed", text(said.get("error_message")) or "Pinterest failed to process it.")
    done = said.get("status") == "processed"
    return Delivered(text(said.get("warning_message")) or "") if done else NOT_TOLD


def refused(status: int, answer: Mapping[str, Any], *, alone: bool) -> Outcome:
    """A 400 kept none of them. Of a 422 without verdicts some were kept, and to send those again would count twice."""
    code, said = answer.get("code"), text(answer.get("message")) or f"Pinterest answered {status}."
    word = f"pinterest_{code}" if isinstance(code, int) else f"http_{status}"
    if alone:
        return Rejected(word, said)
    return Split(word, said) if status == 400 else Unknown(word, said)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Pinterest]
