"""What destinations at Amazon have in common: a region, a pair of keys or the machine's own credentials, signed
requests, and how a no is put."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from requests import Request, RequestException, Response

from ours.plugin.inputs import Secret
from ours.plugin.network import Network
from ours.plugin.reading import by_api_code, by_api_status, read_object
from ours.plugin.session import unanswered
from ours.plugin.types import NOT_THE_API, Outcome, Rejected, Retry, Unauthorized

CODE = re.compile(r"[A-Za-z]{2,60}")
_REGION = r"[a-z0-9][a-z0-9-]{0,62}\Z"
_TOO_FAST = re.compile(
    "ProvisionedThroughputExceededException|LimitExceededException|K(MS|ms)Throttl(ingException|ed)"
    "|Throttling(Exception)?|RequestLimitExceeded|RequestThrottled(Exception)?|TooManyRequestsException|OverLimit"
)
_FOR_NOW = re.compile(r"(InternalFailure|InternalError|ServiceUnavailable|RequestTimeout|ResourceInUse)(Exception)?")
_CONFIGURED_WRONG = re.compile(
    r"ResourceNotFoundException|QueueDoesNotExist|AccessDenied\w*|UnrecognizedClientException"
    r"|InvalidSignatureException|IncompleteSignature\w*|MissingAuthenticationToken\w*|ExpiredToken\w*"
    r"|InvalidClientTokenId|SignatureDoesNotMatch|RequestExpired|RequestTimeTooSkewed|OptInRequired|NotAuthorized\w*"
    r"|UnknownOperationException|UnsupportedOperation|InvalidSecurity|InvalidAddress|K(MS|ms)\w+"
)
_TOO_LARGE = 413
_TIMEOUT = 12.0
"""Seconds to connect, and for the answer."""
_REST = 5.0
"""Seconds after we were too fast: Amazon counts by the second, and does not say how long to wait."""


class BothOrNone(Schema):
    """Settings with an ``access_key_id`` and a ``secret_access_key``."""

    @validates_schema
    def check_keys(self, data: Mapping[str, Any], **_: Any) -> None:
        """Half a pair would mean the machine's own credentials: another one's, and maybe what belongs to another."""
        missing = [name for name in ("access_key_id", "secret_access_key") if not data.get(name)]
        if len(missing) == 1:
            raise ValidationError("Give both keys, or none for the machine's own credentials.", missing[0])


def region(told: str) -> fields.String:
    """Where it is; ``told`` is the help."""
    fits = validate.Regexp(_REGION, error="Must be a region's short name, such as eu-west-1.")
    return fields.String(load_default="us-east-1", validate=fits, metadata={"label": "Region", "help": told})


def key_id() -> fields.String:
    """The first of a pair of keys."""
    fits = validate.Regexp(r"[!-~]+\Z", error="Must be the id alone: nothing but letters, digits and plain signs.")
    told = "Without it, the machine's own credentials are used."
    return fields.String(validate=fits, metadata={"label": "Access key id", "help": told})


def secret_key() -> Secret:
    """The second of a pair of keys."""
    return Secret(metadata={"label": "Secret access key", "help": "The one that goes with the id."})


def asked(
    request: Request, settings: Mapping[str, Any], network: Network, *, service: str, place: str, look_at: str
) -> Response | Outcome:
    """What ``service`` in the region ``place`` answers to the signed request; or why it was not asked, or said nothing.

    ``look_at`` says what a person should look at where our credentials are refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        ready = _signed(request, settings, service, place)
    except ClientError:
        return Unauthorized("no_credentials", f"Amazon gives this machine no credentials of its own. {look_at}")
    except (BotoCoreError, RuntimeError) as error:
        return Retry("no_credentials", f"This machine's credentials can't be had now: {type(error).__name__}.")
    if ready is None:
        _session.cache_clear()  # what it read of the machine's files is what they were
        return Unauthorized("no_credentials", "No keys are set, and this machine has no credentials of its own.")
    try:
        with network.session(_TIMEOUT) as session:
            return session.send(ready.prepare())
    except RequestException as error:
        return unanswered(error)


def refusal(response: Response, who: str, look_at: str) -> Outcome:
    """What an answer means that is no 2xx, by Amazon's own code. Its words are not kept: they may quote the event."""
    kind = read_object(response).get("__type")
    named = str(kind).rpartition("#")[2] if kind else ""
    code = named if CODE.fullmatch(named) else f"http_{response.status_code}"
    said = f"{who} answered {code} ({response.status_code})."
    if of_none := by_word(code, said, look_at):
        return of_none
    outcome = by_api_status(response)
    if code == named or isinstance(outcome, Retry) or response.status_code == _TOO_LARGE:
        outcome = by_api_code(response, code, said)
    elif isinstance(outcome, Rejected):
        outcome = Unauthorized(NOT_THE_API)
    if isinstance(outcome, Unauthorized):
        return _let_in_no_more(outcome.code, f"{said} {look_at}")
    return outcome


def by_word(code: str, said: str, look_at: str) -> Outcome | None:
    """What a code of Amazon's means that is no event's fault, whoever Amazon blames; None: it may be one's."""
    if _TOO_FAST.fullmatch(code):
        return Retry(code, said, _REST, throttle=True)
    if _FOR_NOW.fullmatch(code):
        return Retry(code, said)
    return _let_in_no_more(code, f"{said} {look_at}") if _CONFIGURED_WRONG.fullmatch(code) else None


def _let_in_no_more(code: str, said: str) -> Unauthorized:
    _session.cache_clear()  # the machine may be given other credentials
    return Unauthorized(code, said)


def _signed(request: Request, settings: Mapping[str, Any], service: str, place: str) -> Request | None:
    """The same with what lets it in; None where there is nothing to sign with.

    :raises BotoCoreError: when the machine's own credentials could not be fetched.
    :raises ClientError: when Amazon refused to give any, for a role say.
    :raises RuntimeError: when those that were fetched have expired already.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    key_id, secret = settings.get("access_key_id"), settings.get("secret_access_key")
    own = None if key_id and secret else _machines_own()
    if key_id and secret:
        credentials = Credentials(key_id, secret.reveal())
    elif own is not None:
        credentials = own.get_frozen_credentials()
    else:
        return None
    made = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.data)
    SigV4Auth(credentials, service, place).add_auth(made)
    return Request(request.method, request.url, headers=dict(made.headers.items()), data=request.data)


def _machines_own() -> Any:
    """They renew themselves where they expire."""
    return _session().get_credentials()


@lru_cache(1)
def _session() -> Any:
    from botocore.session import Session

    return Session()
