"""The author's door: everything a destination plugin may see, and nothing behind it."""

from marshmallow import Schema, ValidationError, fields, validate
from requests import Request, Response

from ours.plugin.batching import Batching
from ours.plugin.destination import API_VERSION, Category, Destination, sends_itself
from ours.plugin.envelope import EVENT_MAPPING, envelope, iso, to_json
from ours.plugin.inputs import Endpoint, Headers, Secret
from ours.plugin.mapped import Mapped
from ours.plugin.network import Network, NetworkRefused
from ours.plugin.reading import (
    by_api_answer,
    by_api_code,
    by_api_status,
    by_status,
    oauth_token,
    rate_limit_after,
    read_json,
    read_object,
    refused_together,
    refused_whole,
    retry_after,
)
from ours.plugin.session import unanswered
from ours.plugin.settings import SettingInfo, describe_settings, dump_settings, load_settings, secrets_of
from ours.plugin.spec import hookimpl
from ours.plugin.templates import USER_AGENT, click_id
from ours.plugin.types import (
    IDENTIFY,
    NO_CONVERSION,
    Delivered,
    Delivery,
    Duplicate,
    Event,
    Outcome,
    Rejected,
    Retry,
    SecretValue,
    Skipped,
    Split,
    Token,
    Unauthorized,
    Unknown,
    Visitor,
)

__all__ = [
    "API_VERSION",
    "EVENT_MAPPING",
    "IDENTIFY",
    "NO_CONVERSION",
    "USER_AGENT",
    "Batching",
    "Category",
    "Delivered",
    "Delivery",
    "Destination",
    "Duplicate",
    "Endpoint",
    "Event",
    "Headers",
    "Mapped",
    "Network",
    "NetworkRefused",
    "Outcome",
    "Rejected",
    "Request",
    "Response",
    "Retry",
    "Schema",
    "Secret",
    "SecretValue",
    "SettingInfo",
    "Skipped",
    "Split",
    "Token",
    "Unauthorized",
    "Unknown",
    "ValidationError",
    "Visitor",
    "by_api_answer",
    "by_api_code",
    "by_api_status",
    "by_status",
    "click_id",
    "describe_settings",
    "dump_settings",
    "envelope",
    "fields",
    "hookimpl",
    "iso",
    "load_settings",
    "oauth_token",
    "rate_limit_after",
    "read_json",
    "read_object",
    "refused_together",
    "refused_whole",
    "retry_after",
    "secrets_of",
    "sends_itself",
    "to_json",
    "unanswered",
    "validate",
]
