"""LinkedIn ads, by the Conversions API."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from marshmallow import validates_schema

from ours.plugin import (
    IDENTIFY,
    NO_CONVERSION,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Schema,
    Secret,
    Unauthorized,
    Unknown,
    ValidationError,
    by_api_answer,
    click_id,
    fields,
    hookimpl,
    read_object,
    refused_together,
    to_json,
    usual,
    validate,
)
from ours.plugin.identifiers import country_code, email, hashed, name
from ours.plugin.values import amount, currency, read_all, text, unreadable

RULE = re.compile(r"(?:urn:lla:llaPartnerConversion:)?(\d{1,20})", re.ASCII)
LEAD = re.compile(r"urn:li:leadGenFormResponse:[\w-]{1,200}", re.ASCII)
WORTH: Mapping[str, Callable[[Any], Any]] = {"value": amount, "currency": currency}
HASHED_NAMES = "202609"  # the first version that takes names as hashes; before it, only in clear
# How LinkedIn words a refusal is not documented: three ways that were observed. What can't be read is searched for.
NAMED = re.compile(r"(?:Index: (\d{1,4}), )?ERROR :: ((?:/\w{1,40}){1,6})?", re.ASCII)
INDICES = re.compile(r"indices \[([\d, ]{1,40000})\]")
TIME, OTHER_RULE = "Conversion time", "Conversion's method"


class LinkedIn(Destination):
    """Up to 5,000 events a request. Email and names leave as SHA-256 only, written as LinkedIn writes them.

    LinkedIn knows no names of events: each counts for a conversion rule, made in the Campaign Manager for the
    Conversions API. Add a destination for each rule and allow it its events, or map `conversion_id`.

    The token is of one of two kinds. The Campaign Manager gives an access token that does not expire. An app of yours
    in the developer portal, with the scope `rw_conversions`, has a client id, a secret and a refresh token, with which
    Ours fetches access tokens. A refresh token is good for a year, and then must be made anew.

    Where its Insight Tag tells of an event with the same `event_id`, LinkedIn counts the tag's alone. For one that
    comes here twice it promises nothing: so where no answer came, the event is held until a person decides.

    LinkedIn takes no consent with an event, so none is looked at here: what those who denied `ad_user_data` or
    `ad_personalization` did leaves like all else, unless a governance rule stops it.

    | field | what it is |
    |---|---|
    | `conversion_id` | the rule that it counts for, by number or URN, instead of the one in the settings |
    | `event_id` | the event's distinctId, or else the delivery's id |
    | `email` | hashed |
    | `email_sha256` | stands in where no `email` is known |
    | `li_fat_id` | the click, in clear |
    | `value`, `currency` | what it is worth: both, or neither for what the rule says |
    | `first_name`, `last_name` | hashed, when both are there; from API version 202609 on; not mapped unless you do |
    | `company`, `title`, `country` | in clear, and only with a name; not mapped unless you do |
    | `lead` | `urn:li:leadGenFormResponse:…` of a form on LinkedIn; not mapped unless you do |

    An `$identify` is no conversion and is passed over. An event without any of an email, a click, a name and a lead is
    rejected here. One event that is wrong makes LinkedIn refuse the whole request: those that it names are rejected,
    the others are sent again at once.

    | answer | what follows |
    |---|---|
    | 200 with a `status` for each | delivered, or what its status says |
    | 200 with another number of them | nobody knows which: held |
    | 400, 422 | rejected, by index where LinkedIn names one |
    | 400 for the time | tried again: this machine's clock may be ahead |
    | 400 for a rule that was not made for the API, 401–405, 407, 410, 421, 426 (a retired version), a redirect, a web \
page | after five in a row, it pauses |
    | 429 | the destination rests |
    | 5xx | tried again |

    LinkedIn allows 600 requests a minute. It has no test mode: a rule that is switched off counts nothing. Not yet run
    against the vendor.
    """

    slug = "linkedin"
    label = "LinkedIn Conversions API"
    summary = "Sends conversions to LinkedIn ads; whatever identifies a person is hashed."
    category = "advertising"
    identify = "skipped"
    max_age = 90 * 86_400.0
    batching = Batching(max_items=5000, max_bytes=4_000_000, atomic=True)
    hashed = ("email", "email_sha256", "first_name", "last_name")
    agreement = (
        "We know of no business associate agreement that LinkedIn signs for ads: send it no health data, and name"
        " no conversion rule after a condition."
    )
    default_mapping = {
        "event_id": "{{event.distinct_id}}",
        "email": "{{visitor.email}}",
        "email_sha256": "{{event.email || visitor.email_sha256}}",
        "li_fat_id": click_id("li_fat_id"),
        "value": "{{event.event_properties.value}}",
        "currency": "{{event.event_properties.currency}}",
    }

    class Settings(Schema):
        conversion_id = fields.String(required=True, validate=validate.Regexp(
            r"\d{1,20}\Z", error="Must be a conversion rule's number."), metadata={
            "label": "Conversion rule", "example": "104012",
            "help": "Its id: the number in the address of its page in the Campaign Manager."})  # fmt: skip
        token = usual.key("Token", "The Campaign Manager's access token; with a client id and secret, a refresh token.")
        client_id = fields.String(metadata={
            "label": "Client id", "help": "Of your app in LinkedIn's developer portal."})  # fmt: skip
        client_secret = Secret(metadata={"label": "Client secret", "help": "The app's."})
        api_version = fields.String(load_default="202609", validate=validate.Regexp(
            r"[a-z]?\d{3,8}\Z", error="Must be a version, such as 202609."), metadata={
            "label": "API version", "help": "LinkedIn retires a version after about a year."})  # fmt: skip
        endpoint = usual.endpoint("https://api.linkedin.com", "LinkedIn")
        token_endpoint = Endpoint(load_default="https://www.linkedin.com/oauth/v2/accessToken", metadata={
            "label": "Token endpoint", "help": "Where access tokens are fetched."})  # fmt: skip

        @validates_schema
        def check_client(self, data: Mapping[str, Any], **_: Any) -> None:
            """Half a pair would make a refresh token an access token."""
            missing = [name for name in ("client_id", "client_secret") if not data.get(name)]
            if len(missing) == 1:
                raise ValidationError("Give both of the app's, or none for an access token.", missing[0])

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request | None:  # noqa: ARG002
        if not settings.get("client_id"):
            return None
        form = {"grant_type": "refresh_token", "refresh_token": settings["token"].reveal(),
                "client_id": settings["client_id"], "client_secret": settings["client_secret"].reveal()}  # fmt: skip
        return Request("POST", settings["token_endpoint"], data=form)

    def item(self, delivery: Delivery) -> Any:
        given, settings = delivery.fields, delivery.settings
        if delivery.event.name == IDENTIFY:
            return NO_CONVERSION
        rule = RULE.fullmatch(text(given.get("conversion_id")) or settings["conversion_id"])
        user = user_of(given, settings["api_version"])
        worth = worth_of(given)
        if rule is None:
            return Rejected(
                "invalid_conversion_id", "The conversion rule is neither a number nor a URN.", "conversion_id"
            )
        if not any(user.values()):
            return Rejected(
                "no_user_data", "Nothing is known about the visitor that LinkedIn could match.", "user_data"
            )
        if isinstance(worth, Rejected):
            return worth
        return {
            "conversion": f"urn:lla:llaPartnerConversion:{rule[1]}",
            "conversionHappenedAt": delivery.event.occurred_at,
            "eventId": text(given.get("event_id")) or delivery.id,
            "user": user,
        } | worth

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        headers = {
            "Content-Type": "application/json",
            "LinkedIn-Version": settings["api_version"],
            "X-Restli-Protocol-Version": "2.0.0",
            "X-RestLi-Method": "BATCH_CREATE",
        }
        if not settings.get("client_id"):
            headers["Authorization"] = f"Bearer {settings['token'].reveal()}"
        url = f"{settings['endpoint'].rstrip('/')}/rest/conversionEvents"
        return Request("POST", url, headers=headers, data=to_json({"elements": list(items)}))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        body = read_object(response)
        status, said = response.status_code, text(body.get("message")) or ""
        outcome = by_api_answer(response, taken=True)
        if isinstance(outcome, Delivered):
            return one_by_one(body.get("elements"), len(items))
        if status == 426 or "VERSION" in (text(body.get("code")) or ""):
            return Unauthorized("version_retired", "LinkedIn takes this version no more: set a newer api_version.")
        if status == 403:
            return Unauthorized("http_403", "The conversion rule does not exist, or the token has no access to it.")
        if status in (400, 422) and isinstance(outcome, Rejected):
            return refusals(said, status, len(items))
        return outcome


def user_of(given: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Whom it is about. ``userIds`` must be there, even if empty."""
    known = {
        "SHA256_EMAIL": hashed(given.get("email"), email) or hashed(given.get("email_sha256"), email),
        "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID": text(given.get("li_fat_id")),
    }
    user: dict[str, Any] = {"userIds": [{"idType": kind, "idValue": one} for kind, one in known.items() if one]}
    names = {"hashedFirstName": hashed(given.get("first_name"), name),
             "hashedLastName": hashed(given.get("last_name"), name)}  # fmt: skip
    if all(names.values()) and version >= HASHED_NAMES:
        more = {"companyName": text(given.get("company")), "title": text(given.get("title")),
                "countryCode": (country_code(given.get("country")) or "").upper()}  # fmt: skip
        user["userInfo"] = names | {field: one for field, one in more.items() if one}
    if LEAD.fullmatch(lead := text(given.get("lead")) or ""):
        user["lead"] = lead
    return user


def worth_of(given: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """Without it, LinkedIn would take what the conversion rule is worth in its place."""
    read, unread = read_all({name: given.get(name) for name in WORTH}, WORTH)
    if unread:
        return unreadable(unread, WORTH[unread])
    if "value" not in read:
        return {}
    if "currency" not in read:
        return Rejected("no_currency", "LinkedIn takes no value without its currency: map it.", "currency")
    return {"conversionValue": {"currencyCode": read["currency"], "amount": read["value"]}}


def one_by_one(elements: Any, count: int) -> Outcome | Sequence[Outcome]:
    """By the status that LinkedIn gives each."""
    if not isinstance(elements, list) or len(elements) != count:
        return Unknown("count_differs", f"LinkedIn does not say what became of each of {count} events.")
    return [by_element(one.get("status") if isinstance(one, Mapping) else None) for one in elements]


def by_element(status: Any) -> Outcome:
    if not isinstance(status, int):
        return Unknown("status_missing", "LinkedIn does not say what became of it.")
    if 200 <= status < 300:
        return Delivered()
    kind: type[Retry | Unauthorized | Rejected] = Rejected
    if status in (408, 429) or status >= 500:
        kind = Retry
    elif status in (401, 403):
        kind = Unauthorized
    return kind(f"linkedin_{status}", f"LinkedIn answered {status} for it.")


def refusals(said: str, status: int, count: int) -> Outcome | Sequence[Outcome]:
    """Whom LinkedIn names; all else goes again. Its words are not passed on, for they quote what was sent."""
    if OTHER_RULE in said:
        return Unauthorized("wrong_rule", "The conversion rule was not made for the Conversions API.")
    named = dict(culprits(said))
    here = {index: one for index, one in named.items() if index is not None and index < count}
    if here and count > 1:
        return refused_together(here, count, "LinkedIn")
    alone = here.get(0) or named.get(None) if count == 1 else None
    return alone or Rejected(f"linkedin_{status}", f"LinkedIn refused it ({status}), and did not say why.")


def culprits(said: str) -> Iterator[tuple[int | None, Outcome]]:
    """Position, or None where LinkedIn gives none → why. What is too old was never sent: it is our clock, then."""
    if found := INDICES.search(said):
        time = Retry("invalid_time", "LinkedIn takes it for future or too old: is this machine's clock right?")
        other = Rejected("refused", "LinkedIn refused it, and did not say why.")
        yield from ((int(one), time if TIME in said else other) for one in re.findall(r"\d{1,9}", found[1]))
    for index, path in reversed(NAMED.findall(said)):  # of several reasons for one event, the first is kept
        field = path.strip("/").replace("/", ".")
        word = f"invalid_{field.replace('.', '_').lower()}" if field else "refused"
        yield int(index) if index else None, Rejected(word, f"LinkedIn refused {field or 'it'}.", field or None)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [LinkedIn]
