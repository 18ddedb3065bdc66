"""The fields that the contract knows by name, as data: what a visitor, an event's page and a person's network have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LONGEST = 2_000
LONGEST_REFERRER = 5_000


@dataclass(frozen=True, slots=True)
class Known:
    """One field. ``trim``: surrounding whitespace goes. ``coerce``: a number or boolean becomes text. ``names``: it is
    somebody's or something's id, which no word for nothing is. ``required``: its group is wrong without it."""

    kind: Literal["text", "number", "boolean", "object", "any"]
    max_length: int | None = None
    trim: bool = False
    coerce: bool = False
    names: bool = False
    required: bool = False


Catalogue = Mapping[str, Known]
NO_IDS = frozenset({
    "undefined", "null", "(null)", "nil", "<nil>", "None", "NaN", "nan", "[object Object]", "true", "false",
})  # fmt: skip
"""What programs write for an id that they do not have: all who are called so would be one."""

_PLAIN = Known("text", LONGEST)
_TRIMMED = Known("text", LONGEST, trim=True)
_COERCED = Known("text", LONGEST, coerce=True)
_BOTH = Known("text", LONGEST, trim=True, coerce=True)
_ID = Known("text", LONGEST, trim=True, coerce=True, names=True)
_NUMBER = Known("number")
_BOOLEAN = Known("boolean")
_OBJECT = Known("object")
_ANY = Known("any")

_USER_TRIMMED = """
    _ef_transaction_id admitad_uid basis_cid beeswax_auction_id company_name epik graid grclid ip job_title ob_click_id
    sacid ttd_impression_id viant_click_id viant_impression_id
"""
_USER_PLAIN = """
    ad_id adset_id alart aleid axwrt campaign_id clickid clid dclid fbc fbclid fbp gad_source gbraid gclid im_ref
    irclickid li_fat_id msclkid ndclid oppref qclid rdt_cid referring_domain sccid ttclid twclid user_agent
    user_agent_full_list wbraid ylpcid
"""
_DEFAULT_TRIMMED = """
    _ef_transaction_id ad_id admitad_uid adset_id alart aleid axwrt basis_cid beeswax_auction_id browser_language
    browser_name browser_version campaign_id clickid clid cpu_architecture dclid device_model device_type device_vendor
    encoding engine_name engine_version epik fbc fbclid fbp gad_source gbraid gclid graid grclid host im_ref ip
    irclickid li_fat_id msclkid ndclid ob_click_id oppref os_name os_version pathname qclid rdt_cid referring_domain
    sacid sccid sid sr title ttclid ttd_impression_id twclid uafvl user_agent utm_campaign utm_content utm_medium
    utm_name utm_source utm_term version viant_click_id viant_impression_id wbraid
"""


def _catalogue(*groups: tuple[Known, str]) -> Catalogue:
    return dict(sorted((name, known) for known, names in groups for name in names.split()))


USER_PROPERTIES = _catalogue(
    (_BOTH, "city country date_of_birth email first_name gender last_name state"),
    (_ID, "external_id"),
    (_TRIMMED, _USER_TRIMMED),
    (_PLAIN, _USER_PLAIN),
    (Known("text", LONGEST_REFERRER), "referrer"),
    (_COERCED, "sid utm_campaign utm_content utm_medium utm_name utm_source utm_term"),
    (_ANY, "is_bot phone_number zip"),
    (_OBJECT, "consent custom_properties"),
)

DEFAULT_PROPERTIES = _catalogue(
    (_TRIMMED, _DEFAULT_TRIMMED),
    (Known("text", LONGEST_REFERRER, trim=True), "referrer"),
    (Known("text", None, trim=True), "current_url"),
    (_PLAIN, "received_at ylpcid"),
    (_NUMBER, "activeDuration duration page_hash screen_height screen_width sessionCount"),
    (_BOOLEAN, "fv iframe new_s webview"),
    (_ANY, "is_bot"),
)

IDENTITY_CONTEXT = _catalogue((Known("text", LONGEST, trim=True, required=True), "ip userAgent"))


def camel(name: str) -> str:
    """``first_name`` → ``firstName``."""
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda match: match[1].upper(), name)


TWINS: Mapping[str, str] = {camel(name): name for name in USER_PROPERTIES if camel(name) != name}
"""The camelCase names under which callers send known visitor properties."""
