"""The marshmallow fields of which the ingest schemas are made. What they change or ignore, they note in the reading."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from marshmallow import ValidationError, fields, missing
from marshmallow.experimental.context import Context

from ours.core import bags, emails, properties, timing
from ours.core.catalogues import Catalogue, Known
from ours.core.notices import Notices
from ours.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """What fields may know while one body is read: the moment it arrived, and where warnings go."""

    now: int
    notices: Notices = field(default_factory=Notices)


Current = Context[Reading]


class Said(fields.Field[T], Generic[T]):
    """A field by its name on the wire and a sentence about it. What is not required may be null."""

    default_error_messages = {"required": "This field is required.", "null": "Must not be null."}  # noqa: RUF012

    def __init__(self, name: str, about: str, *, required: bool = False, **kwargs: Any) -> None:
        super().__init__(
            data_key=name, required=required, allow_none=not required, metadata={"description": about}, **kwargs
        )

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """As marshmallow's own, but without the steps that no field here has: this is the hottest loop of a request."""
        if value is None and self.allow_none:
            return None
        if value is missing or value is None:
            self._validate_missing(value)
            return missing
        output = self._deserialize(value, attr, data, **kwargs)
        if self.validators:
            self._validate(output)
        return output


class Anything(Said[Any]):
    """Taken as it is."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value


class Text(Said[str]):
    """Text of 1 to ``longest`` characters, trimmed."""

    names = False

    def __init__(self, name: str, about: str, *, longest: int, coerce: bool = False, **kwargs: Any) -> None:
        super().__init__(name, about, **kwargs)
        self.known = Known("text", longest, trim=True, coerce=coerce, names=self.names)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        try:
            text = properties.text(value, self.known)
        except Invalid as problem:
            raise ValidationError(str(problem)) from None
        if not text:
            raise ValidationError("Must not be empty.")
        return text


class Id(Text):
    """Text that names somebody or something. ``coerce`` takes numbers, too."""

    names = True


class Key(Text):
    """The source's key, which was judged before any field is read."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value


class Email(Text):
    """An address, of which only the SHA-256 (hex) is kept."""

    names = True

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        address = super()._deserialize(value)
        if not emails.ADDRESS.fullmatch(address):
            Current.get().notices.add("email", "email_not_an_address")
        return emails.hashed(address)


class Moment(Said[int]):
    """When it happened. Any value is taken; one that can't be right is corrected, with a warning."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        reading = Current.get()
        moment, code = timing.occurred_at(value, reading.now)
        if code:
            reading.notices.append(code)
        return moment


class Bag(Said[dict[str, Any]]):
    """Free-form properties."""

    def _deserialize(self, value: Any, attr: str | None, *_: Any, **__: Any) -> dict[str, Any]:
        try:
            return bags.read(properties.an_object(value), attr or "", Current.get().notices)
        except Invalid as problem:
            raise ValidationError(str(problem)) from None


Read = Callable[[dict[str, Any], str, Notices], properties.Properties]


class Properties(Said[dict[str, Any]]):
    """Named properties. Looks only at the keys that were sent, however long the catalogue is."""

    def __init__(self, name: str, about: str, *, catalogue: Catalogue, read: Read, **kwargs: Any) -> None:
        super().__init__(name, about, **kwargs)
        self.catalogue = catalogue
        self.read = read

    def _deserialize(self, value: Any, attr: str | None, *_: Any, **__: Any) -> dict[str, Any]:
        found = self.read(_an_object(value), attr or "", Current.get().notices)
        if found.problems:
            raise ValidationError(found.problems, valid_data=found.values)
        return found.values


class Rows(Said[list[Any]]):
    """The rows of a batch, each of which is read by itself later."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise ValidationError("Must be a list of at least one event.")
        return value


def _an_object(value: Any) -> dict[str, Any]:
    try:
        return properties.an_object(value)
    except Invalid as problem:
        raise ValidationError(str(problem)) from None
