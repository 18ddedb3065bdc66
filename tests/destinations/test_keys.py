"""What a vendor lets us in by, as it is typed."""

import pytest
from marshmallow import ValidationError

from ours.plugin import Secret
from ours.plugin.settings import load_settings
from ours.registry import load_built_in

KEYS = [
    (one.plugin, name)
    for one in load_built_in().loaded
    for name, field in one.plugin.Settings().load_fields.items()
    if isinstance(field, Secret) and field.required
]


@pytest.mark.parametrize("given", ["…", "abc\u200b", "ab c", "\u201cabc\u201d"])
def test_a_key_that_no_header_can_carry_is_refused_when_it_is_typed(given: str) -> None:
    """Taken, it would have each event rejected one after another, and nobody told."""
    assert len(KEYS) > 8
    for plugin, name in KEYS:
        with pytest.raises(ValidationError) as refused:
            load_settings(plugin, {name: given})
        assert "equired" not in str(refused.value.messages_dict[name])
