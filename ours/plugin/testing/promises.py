"""The part of the contract that holds a destination to what it declares: hashed fields, versions, test codes."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from requests import Request

from ours.plugin.settings import describe_settings, load_settings
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import expect, prepared, text_of
from ours.plugin.testing.hostile import CANARIES, in_clear
from ours.plugin.testing.samples import SAMPLES, sample_delivery
from ours.plugin.testing.watching import watched
from ours.plugin.types import Skipped

VERSION, TEST_CODE = "api_version", "test_event_code"
_VERSIONED = re.compile(r"/v\d+(\.\d+)?(/|$)")
_OTHER = "v987"


class Promises(Examined):
    def test_what_is_declared_hashed_never_leaves_in_clear(self) -> None:
        declared = self.destination.hashed
        for sample, value in product(SAMPLES if declared else (), CANARIES):
            sent = self._sent(sample, {}, dict.fromkeys(declared, value)).lower()
            shown = [form for form in in_clear(value) if form in sent]
            expect(not shown, f"A field of {list(declared)} left in clear, as {shown}.")

    def test_what_is_declared_of_an_identify_is_what_becomes_of_it(self) -> None:
        """Forms tell people so, who then list it or not."""
        declared, built = self.destination.identify, {sample: self._tried(sample, {}, {}) for sample in SAMPLES}
        skipped = isinstance(built.pop("identify"), Skipped)
        takes_others = not all(isinstance(one, Skipped) for one in built.values())
        expect(skipped or declared != "skipped", 'It declares identify = "skipped", and does not skip one.')
        wrong = skipped and takes_others and declared == "event"
        expect(not wrong, 'It skips an identify: declare identify = "skipped", or "profile" where it may take one.')

    def test_the_version_of_an_api_is_a_setting(self) -> None:
        """Versions rot on a vendor's schedule. What an operator wrote into an address is the operator's own."""
        changed = {VERSION: _OTHER} if self._has(VERSION) else {}
        given = " ".join(value for value in self.settings.values() if isinstance(value, str))
        for request in self._requests(changed):
            path = urlsplit(str(prepared(request).url)).path
            fixed = _VERSIONED.search(path) and _OTHER not in path and path not in given
            expect(not fixed, f"The version in {path} can't be changed: make it a setting named {VERSION}.")

    def test_a_test_code_goes_with_every_request_or_with_none(self) -> None:
        if self._has(TEST_CODE):
            marked, plain = self._requests({TEST_CODE: "TEST98765"}), self._requests({TEST_CODE: ""})
            expect(all("TEST98765" in text_of(one) for one in marked), f"A request goes without the {TEST_CODE} given.")
            expect(not any("TEST" in text_of(one) for one in plain), f"A request has a {TEST_CODE} that nobody gave.")

    def _has(self, setting: str) -> bool:
        return any(one.name == setting for one in describe_settings(self.destination))

    def _requests(self, changed: Mapping[str, Any]) -> Iterator[Request]:
        for sample in SAMPLES:
            built = self._tried(sample, changed, {})
            if isinstance(built, Request):
                yield built

    def _sent(self, sample: str, changed: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
        return text_of(self._tried(sample, changed, fields))

    def _tried(self, sample: str, changed: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
        """What is built for a sample, with some settings changed and some fields laid over the mapping's."""
        settings = load_settings(self.destination, {**self.settings, **changed})
        delivery = sample_delivery(sample, mapping=self.destination.default_mapping, settings=settings)
        laid = sample_delivery(sample, settings=settings, fields={**delivery.fields, **fields})
        return watched(self.destination).build(laid)
