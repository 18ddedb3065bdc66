"""Here, plugins are found and tried anew by each test."""

import pytest


@pytest.fixture(autouse=True)
def _as_at_each_start(plugins_tried_anew: None) -> None:
    pass
