"""The reference page tells every door, field and answer of the OpenAPI document."""

import html
from collections.abc import Callable

from ours.core.catalogues import DEFAULT_PROPERTIES, USER_PROPERTIES
from ours.core.notices import WARNINGS
from ours.web.ingest import openapi
from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS
from tests.web.show.conftest import Browser


def test_every_door_field_and_answer_is_on_the_page(editor: Browser) -> None:
    text = html.unescape(editor.page("/reference"))
    document = openapi.document(1024, 1024, 10)
    for path, methods in document["paths"].items():
        assert f"/api/v1{path}" in text
        for told in methods.values():
            assert told["summary"] in text
            assert all(f"<b>{status}</b>" in text for status in told["responses"])
    for name in {**USER_PROPERTIES, **DEFAULT_PROPERTIES, **document["components"]["schemas"]["Track"]["properties"]}:
        assert f"<code>{name}</code>" in text


def test_every_refusal_and_warning_is_told_with_its_remedy(editor: Browser) -> None:
    text = html.unescape(editor.page("/reference")).replace("<code>", "`").replace("</code>", "`")
    for code, problem in {**PROBLEMS, **ROW_PROBLEMS}.items():
        assert f"`{code}`" in text
        assert problem.meaning in text
        assert problem.remedy in text
    for code, problem in PROBLEMS.items():
        assert f'id="{code}"' in text
        assert (f'href="#{code}"' in text) is (code != "not_found"), problem
    for code, advice in WARNINGS.items():
        assert f"`{code}`" in text
        assert advice.remedy in text


def test_a_bag_is_told_by_its_purpose_and_its_limits(editor: Browser) -> None:
    text = editor.page("/reference")
    assert "Facts about the event. At most 200 properties and 5 levels of objects." in text


def test_the_playground_is_offered_to_those_who_may_use_it(browser_of: Callable[[str], Browser]) -> None:
    assert "Try it in the Playground" in browser_of("editor").page("/reference")
    assert "Try it in the Playground" not in browser_of("viewer").page("/reference")
