"""Every code has words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core.governance import RuleCode
from ours.core.reasons import NO_WORD, REASONS, as_told, describe, may_name, table, tidy
from ours.plugin import Response, Retry, Unauthorized, by_status

DOC = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_the_page_of_reasons_is_the_registry() -> None:
    assert DOC.read_text(encoding="utf-8").endswith(f"\n\n{table()}\n")


@pytest.mark.parametrize("code", REASONS)
def test_words_and_remedies_are_sentences(code: str) -> None:
    for sentence in (REASONS[code].words, REASONS[code].remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "|" not in sentence


def test_the_remedy_for_a_refused_address_names_the_setting() -> None:
    assert "OURS_ALLOW_NETWORKS" in describe("ssrf_refused").remedy


def test_a_remedy_that_a_page_has_names_it_beside_the_command() -> None:
    assert "from its page, or with `ours" in describe("not_allowed").remedy
    assert "under Governance, or with `ours" in describe("rule:Consent").remedy


@pytest.mark.parametrize("status", [301, 400, 401, 404, 418, 429, 500, 503])
def test_an_http_code_tells_its_status(status: int) -> None:
    assert str(status) in describe(f"http_{status}").words
    assert "plugin" not in describe(f"http_{status}").words


@pytest.mark.parametrize("status", range(400, 600))
def test_what_is_tried_again_by_itself_is_not_said_to_want_a_replay(status: int) -> None:
    response = Response()
    response.status_code = status
    waits = isinstance(by_status(response), Retry | Unauthorized)
    assert ("retried automatically" in describe(f"http_{status}").remedy) == waits


@pytest.mark.parametrize(
    "code", ["http_", "http_x", "http_999999999999", "http_0404555", "http_-1", "http_٥٠٣", "no_email"]
)
def test_any_other_word_is_told_to_be_the_plugins(code: str) -> None:
    assert describe(code).words == f"The plugin gave the reason “{code}”."


def test_what_a_plugin_said_tells_more_than_a_word_of_its_own() -> None:
    for code in ("no_email", "rejected", NO_WORD):
        assert as_told(code, "There is no address.").words == "There is no address."
        assert as_told(code, "") == describe(code)
    assert as_told("http_404", "The destination answered 404.") == describe("http_404")


@given(st.text() | st.none())
def test_there_is_always_an_answer(code: str | None) -> None:
    assert describe(code).words.endswith(".")
    assert describe(code).remedy.endswith(".")


@given(st.text(max_size=300) | st.integers() | st.none())
def test_a_tidy_code_can_be_stored(code: object) -> None:
    assert len(tidy(code)) <= 100
    assert "\0" not in tidy(code)


@pytest.mark.parametrize(
    "code", ["bad Jane Doe", "jane@example.com", "für_jane", "no\0word", "x" * 101, {"name": "Jane"}]
)
def test_what_is_no_word_is_not_stored_in_clear(code: object) -> None:
    assert tidy(code) == NO_WORD


@pytest.mark.parametrize(
    "code",
    [
        "http_503",
        "NO_IDENTIFIERS_PROVIDED",
        "(#100)",
        "invalid_$insert_id",
        "invalid:events[0].params",
        "42P01",
        "a/b-c.d",
    ],
)
def test_a_plain_code_is_tidy_already(code: str) -> None:
    assert tidy(code) == code
    assert tidy(2804003) == "2804003"


@pytest.mark.parametrize("code", ["rule:Jane_Doe", "key_missing:01020304", "abandoned:damaged"])
def test_a_plugin_can_not_say_what_only_we_may_say(code: str) -> None:
    assert tidy(code) == NO_WORD


def test_that_a_rule_stopped_it_outlives_forgetting_and_a_plugins_own_word_does_not() -> None:
    assert tidy(RuleCode("rule:Advertising consent")) == "rule:Advertising consent"
    told = ("rule:Advertising consent", "http_404", "gave_up", "Jane_Doe/1966")
    assert [may_name(one) for one in told] == [False, False, False, True]
