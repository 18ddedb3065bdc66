"""Which names of properties say that what they hold names, places or finds a person, or opens a door."""

import re
from functools import lru_cache
from typing import Literal

Sense = Literal["name", "other"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER_MARKS = re.compile(r"[^\w.]+")
_NAMES = r"names?_(?:first|last|full|middle|given|family)|[fl]names?|prenoms?|apellidos?|card_?holder"
_NAME_FIRST = re.compile(rf"(?<![^\W_])(?:{_NAMES})(?![^\W_])")
_ANYWHERE = r"mail|phone|mobile|birth|gender|address|street|passport|passw|secret|zip_?code|post_?code|postal"
_WORDS = (
    r"dob|bday|born|sex|city|town|village|suburb|ip|ipv[46]|remote_addr|forwarded_for|zip|plz"
    r"|tel|telephone|cell_?(?:number|no)|fax|msisdn|whatsapp|ssn|social_?security|nino|nhs_?(?:number|no|nr)"
    r"|national_id|id_(?:card|number|no)|tax_(?:id|number)|driv(?:ing|ers?)_licen[cs]e|licen[cs]e_(?:number|no|plate)"
    r"|number_plate|cards?(?![._]?(?:type|brand|network|scheme|country|count)(?![^\W_]))|credit_?card|cvv2?|cvc"
    r"|pan|cc_?(?:number|num|no)|(?:bank_?)?(?:account|acct)_?(?:number|no|nr|num)|bank_?account|iban|sort_code"
    r"|routing_?number|mrn|medical_?record\w*|patient_?(?:number|no|nr)"
    r"|insurance_?(?:number|no|nr|id)|policy_?(?:number|no|nr)|lat|latitude|lng|lon|longitude|lat_?l(?:o?ng|on)"
    r"|geo[a-z]*[._]long|coords?|coordinates?|gps|geo_?point"
    r"|pwd|pass_?(?:code|phrase)|otp|token|jwt|(?:api|access|private)_?keys?"
)
_WHOLE = r"(?:proxy_)?authorization|bearer|(?:set_)?cookies?"  # as headers are called: prior_authorization is none
_PERSONAL = re.compile(rf"{_ANYWHERE}|(?<![^\W_])(?:{_WORDS})(?![^\W_])|(?<!\w)(?:{_WHOLE})(?!\w)")
_THINGS = """
    ad adset app application base brand browser build business button campaign carrier catalog catalogue category
    channel class code collection company cookie country coupon course creative currency dashboard database department
    destination discount domain element employer env environment event experiment feature file filter flag font funnel
    goal host integration item job key label layout lesson lib library link list medium method metric mode model module
    network offer option org organisation organization os package page path plan platform plugin product program project
    promo promotion provider queue quiz re region report resource role rule schema sdk section segment server service
    shop site sku source space stage state step store subscription survey table tag task team template tenant test theme
    tier timezone topic type unit utm variant variation vendor version view widget workflow workspace zone
"""
_HOLDERS = "attribute column content field form group param parameter property query session variable"
_ARE_THINGS = frozenset(_THINGS.split())
_NAMED_THINGS = _ARE_THINGS | frozenset(_HOLDERS.split())


@lru_cache(4_096)  # the same names come with every event
def sense(name: str) -> Sense | None:
    """What a path such as ``customer.patientName`` speaks of: a person's name, something else personal, or neither.

    A ``name`` is a person's unless what it is the name of is plainly a thing: ``product_name``, ``event.name``. A form
    has a name (``form_name``), but what a form holds under ``name`` is a person's again (``form.name``).
    """
    plain = _OTHER_MARKS.sub("_", _HUMP.sub("_", name)).lower()
    owner = ""
    for part in plain.split("."):
        words = [word for word in part.rstrip("_0123456789").split("_") if word]
        last = words[-1] if words else ""
        stem = last.removesuffix("s")
        if stem.endswith("name"):
            before = stem.removesuffix("name") or (words[-2] if words[1:] else "")
            if not (_is_one_of(_NAMED_THINGS, before) if before else _is_one_of(_ARE_THINGS, owner)):
                return "name"
        owner = last or owner
    if _NAME_FIRST.search(plain):
        return "name"
    return "other" if _PERSONAL.search(plain) else None


def _is_one_of(things: frozenset[str], word: str) -> bool:
    return word in things or word.removesuffix("s") in things or f"{word.removesuffix('ies')}y" in things
