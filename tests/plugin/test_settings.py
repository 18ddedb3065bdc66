"""Settings: what a form is told of them, and their way in and out without a secret showing."""

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from ours.plugin import (
    Destination,
    Endpoint,
    Headers,
    Schema,
    Secret,
    SecretValue,
    ValidationError,
    describe_settings,
    dump_settings,
    fields,
    load_settings,
    secrets_of,
    usual,
    validate,
)


class Inner(Schema):
    password = Secret()


class Rich(Destination):
    slug = "rich"
    label = "Rich"

    class Settings(Schema):
        address = Endpoint(
            required=True, metadata={"label": "Address", "help": "Where.", "example": "https://a.example"}
        )
        token = Secret(load_default="x", validate=validate.Length(min=3), metadata={"label": "Token", "help": "Which."})
        region = fields.String(load_default="eu", validate=validate.OneOf(["eu", "us"]))
        size = fields.Integer(load_default=lambda: 5)
        fast = fields.Boolean()
        headers = Headers()
        inner = fields.Nested(Inner)
        many = fields.List(Secret())


RAW = {
    "address": "https://a.example/x",
    "token": "tok-1",
    "headers": {"X-Key": "head-2"},
    "inner": {"password": "pass-3"},
    "many": ["many-4"],
}


def errors(**raw: Any) -> Any:
    with pytest.raises(ValidationError) as refusal:
        load_settings(Rich, RAW | raw)
    return refusal.value.messages


def test_a_form_is_told_each_setting_in_the_authors_order() -> None:
    told = {one.name: one for one in describe_settings(Rich)}
    assert list(told) == ["address", "token", "region", "size", "fast", "headers", "inner", "many"]
    assert [one.kind for one in told.values()] == [
        "url", "secret", "choice", "number", "boolean", "headers", "json", "json",
    ]  # fmt: skip
    address, region = told["address"], told["region"]
    assert (address.label, address.help, address.required, address.example) == (
        "Address", "Where.", True, "https://a.example",
    )  # fmt: skip
    assert (region.choices, region.default, region.required, region.label) == (("eu", "us"), "eu", False, "region")


def test_a_forms_default_is_never_a_secret_nor_code() -> None:
    told = {one.name: one for one in describe_settings(Rich)}
    assert told["token"].secret
    assert told["token"].default is None
    assert told["size"].default is None


def test_what_is_nested_too_deeply_to_be_read_is_refused() -> None:
    assert list(errors(inner="[" * 100_000)) == ["inner"]


def test_a_secret_has_no_lines_to_be_read_in() -> None:
    """What has lines is shown as it stands, and what was typed is put into the page again."""

    class Private(Rich):
        class Settings(Schema):
            key = Secret(metadata={"long": True})
            body = fields.String(metadata={"long": True})
            tree = fields.Nested(Inner, metadata={"long": True})

    assert [one.name for one in describe_settings(Private) if one.long] == ["body"]


def test_an_instance_is_described_like_its_class() -> None:
    assert describe_settings(Rich()) == describe_settings(Rich)


def test_loaded_settings_come_back_from_json_as_they_were() -> None:
    values = load_settings(Rich, RAW)
    stored = json.loads(json.dumps(dump_settings(Rich, values)))
    assert stored["token"] == "tok-1"
    assert load_settings(Rich, stored) == values


def test_every_secret_is_found_however_deep_and_shown_nowhere() -> None:
    values = load_settings(Rich, RAW)
    assert sorted(secrets_of(values)) == ["head-2", "many-4", "pass-3", "tok-1"]
    assert not any(secret in f"{values!r} {values}" for secret in secrets_of(values))
    assert secrets_of({"empty": SecretValue("")}) == []


def test_an_empty_text_counts_as_not_given() -> None:
    assert load_settings(Rich, RAW | {"region": "", "size": ""})["region"] == "eu"
    assert errors(address="") == {"address": ["Missing data for required field."]}


def test_space_around_a_text_that_was_pasted_is_dropped_and_a_separator_stays() -> None:
    values = load_settings(Rich, RAW | {"address": " https://a.example/x ", "token": "\ttok-1\r\n", "region": "us "})
    assert (values["address"], values["token"].reveal(), values["region"]) == ("https://a.example/x", "tok-1", "us")
    assert load_settings(Rich, RAW | {"token": "   "})["token"].reveal() == "   "


def test_a_list_or_an_object_may_come_as_json_as_the_command_line_and_forms_have_it() -> None:
    values = load_settings(Rich, RAW | {"inner": ' {"password": "pass-5"}', "many": '["many-6", "many-7"]'})
    assert sorted(secrets_of(values)) == ["head-2", "many-6", "many-7", "pass-5", "tok-1"]
    assert set(errors(inner="{", many="many-6")) == {"inner", "many"}
    assert load_settings(Rich, RAW | {"token": '["a"]'})["token"].reveal() == '["a"]'


def test_all_wrong_settings_are_named_at_once() -> None:
    assert set(errors(address="nowhere", region="mars", colour="red")) == {"address", "region", "colour"}


def test_a_secret_is_validated_as_the_text_it_is() -> None:
    assert errors(token="ab") == {"token": ["Shorter than minimum length 3."]}
    assert load_settings(Rich, RAW | {"token": SecretValue("abc")})["token"].reveal() == "abc"


@pytest.mark.parametrize(
    "address", ["http://localhost:8000/x", "http://receiver:9000", "https://[::1]/", "https://a.example/?b=c"]
)
def test_an_endpoint_may_be_any_http_address(address: str) -> None:
    assert load_settings(Rich, RAW | {"address": address})["address"] == address


@pytest.mark.parametrize(
    "address", ["ftp://a.example", "file:///etc/passwd", "//a.example", "a.example", "https://", "https://a b.example"]
)
def test_an_endpoint_is_nothing_but_http(address: str) -> None:
    assert errors(address=address) == {"address": ["Not a valid URL."]}


def test_an_endpoint_has_no_password_in_it() -> None:
    assert "must not contain a user name or password" in errors(address="https://me:pass@a.example/")["address"][0]


def test_headers_are_read_from_lines_too() -> None:
    values = load_settings(Rich, RAW | {"headers": "X-A: one: two\n\n  X-B:three  \n"})
    assert {name: value.reveal() for name, value in values["headers"].items()} == {"X-A": "one: two", "X-B": "three"}


@pytest.mark.parametrize("headers", [{"X A": "1"}, {"X-A": "1\r\nX-B: 2"}, {"X-A": "é"}, {"Host": "a"}, "no colon", 5])
def test_headers_that_would_break_a_request_are_refused(headers: object) -> None:
    assert set(errors(headers=headers)) == {"headers"}


class Usual(Destination):
    class Settings(Schema):
        api_version = usual.api_version("v1.3")
        endpoint = usual.endpoint("https://api.example.com", "Example")
        url_detail = usual.url_detail()
        phone_region = usual.phone_region()
        external_id_key = usual.external_id_key("Example")


def test_the_usual_settings_need_nothing_and_say_what_they_are() -> None:
    expected = {"api_version": "v1.3", "endpoint": "https://api.example.com", "url_detail": "site"}
    assert load_settings(Usual, {}) == expected
    assert all(one.help and one.label != one.name for one in describe_settings(Usual))
    assert [one.name for one in describe_settings(Usual) if one.secret] == ["external_id_key"]


@pytest.mark.parametrize("version", ["v1", "v26.0", "v1.10", "v1beta1"])
def test_an_api_version_is_as_vendors_write_theirs(version: str) -> None:
    assert load_settings(Usual, {"api_version": version})["api_version"] == version


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("api_version", version) for version in ("1.3", "v", "v1/..", "v1.3\n", "v1é", "v1 ")),
        ("endpoint", "ftp://a.example"), ("url_detail", "all"), ("phone_region", "UK"),
    ],
)  # fmt: skip
def test_usual_settings_that_would_do_harm_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Usual.Settings().load({name: value})
    assert list(refusal.value.messages_dict) == [name]


@settings(max_examples=50, deadline=None)
@given(strategies.text())
def test_no_message_ever_quotes_a_secret(secret: str) -> None:
    raw = RAW | {"token": secret, "headers": {"X-A": secret}, "region": "mars"}
    with pytest.raises(ValidationError) as refusal:
        load_settings(Rich, raw)
    assert len(secret) < 8 or secret not in str(refusal.value)
