"""The reference page tells every door, field and answer of the OpenAPI document."""

import html

from ours.core.catalogues import DEFAULT_PROPERTIES, USER_PROPERTIES
from ours.web.ingest import openapi
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
