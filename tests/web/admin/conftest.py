"""The admin API over a real installation on SQLite, and a program that holds a token."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from ours.bootstrap import Ours

Call = Callable[..., TestResponse]


@pytest.fixture
def program(app: Flask, here: Ours) -> Callable[..., Call]:
    """``program("sources:read")("GET", "/sources")``: a call with a token of those scopes."""

    def make(*scopes: str) -> Call:
        _, text = here.tokens.add("CI", scopes, actor="cli")

        def call(method: str, path: str, **how: Any) -> TestResponse:
            headers = {"Authorization": f"Bearer {text}"}
            return app.test_client().open(f"/api/admin/v1{path}", method=method, headers=headers, **how)

        return call

    return make
