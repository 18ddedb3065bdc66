"""Settings that many destinations have, in the same words each: ``phone_region = usual.phone_region()``."""

import re

from marshmallow import fields, validate

from ours.plugin.google import is_service_account
from ours.plugin.identifiers import is_region
from ours.plugin.inputs import Endpoint, Secret

_VERSION = re.compile(r"v\d{1,3}(\.\d{1,2})?\w{0,10}\Z", re.ASCII)
_PROJECT = re.compile(r"([a-z0-9.-]{1,60}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]\Z|\d{6,20}\Z", re.ASCII)
_ALONE = validate.Regexp(r"[\x21-\x7e]+\Z", error="Must be the key alone: nothing but letters, digits and plain signs.")


def api_version(default: str, told: str = "As in the address of the API.") -> fields.String:
    """Which version of the vendor's API is asked, such as ``v1.3``; ``told`` is the help."""
    fits = validate.Regexp(_VERSION, error=f"Must be a version, such as {default}.")
    return fields.String(load_default=default, validate=fits, metadata={"label": "API version", "help": told})


def key(label: str, told: str) -> Secret:
    """What the vendor lets us in by. A paste may bring along signs that nobody sees, and no header can carry them."""
    return Secret(required=True, validate=_ALONE, metadata={"label": label, "help": told})


def endpoint(default: str, vendor: str) -> Endpoint:
    """The address of the API."""
    told = f"An address other than {vendor}'s own, such as your gateway."
    return Endpoint(load_default=default, metadata={"label": "Endpoint", "help": told})


def service_account() -> Secret:
    """The key of an account at Google, for ``google.service_account_request``."""
    told = "The whole JSON file, as Google Cloud provided it."
    return Secret(required=True, validate=is_service_account, metadata={"label": "Service account key", "help": told})


def google_project() -> fields.String:
    """A project of Google Cloud, by its id or its number."""
    fits = validate.Regexp(_PROJECT, error="Must be a project's id, such as my-project-1234.")
    told = {"label": "Project", "example": "my-project-1234", "help": "Its id, not its name."}
    return fields.String(required=True, validate=fits, metadata=told)


def own_events() -> fields.String:
    """Names beyond those that the vendor knows, for ``values.known_name``."""
    return fields.String(load_default="", metadata={
        "label": "Own events",
        "help": "More event names, separated by commas. Reports may not show them."})  # fmt: skip


def url_detail() -> fields.String:
    """What ``values.address`` leaves of a page's address."""
    return fields.String(load_default="site", validate=validate.OneOf(["site", "path", "full"]), metadata={
        "label": "Address detail",
        "help": "How much of a page's address is sent; `path` is without its query."})  # fmt: skip


def phone_region() -> fields.String:
    """What ``identifiers.phone`` and ``phone_digits`` read a number as of."""
    return fields.String(validate=is_region, metadata={
        "label": "Phone region",
        "help": "Country of phone numbers without a country code, such as `US`."})  # fmt: skip


def external_id_key(vendor: str) -> Secret:
    """The key for ``identifiers.keyed``."""
    told = f"Hashes external ids under this key, so that {vendor} can't guess them."
    return Secret(metadata={"label": "External id key", "help": told})
