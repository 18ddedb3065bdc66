"""What doubles of vendors have in common."""

import pytest
import requests

from ours.plugin.testing.doubles.webhook import WebhookDouble


@pytest.mark.parametrize("remember", [True, False])
def test_a_double_counts_and_keeps_what_came_only_where_it_is_to_remember(remember: bool) -> None:
    with WebhookDouble() as double:
        double.remember = remember
        for _ in range(2):
            requests.post(f"{double.url}/hook", json={"a": 1}, timeout=5)
    assert (double.came, double.took) == (2, 2)
    assert (len(double.calls), len(double.kept)) == ((2, 2) if remember else (0, 0))
