"""Objects in a bucket: gzip JSON Lines in S3, or in whatever speaks its language."""

import gzip
import hashlib
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Endpoint,
    Network,
    NetworkRefused,
    Outcome,
    Rejected,
    Request,
    Retry,
    Secret,
    SecretValue,
    Split,
    Unauthorized,
    amazon,
    envelope,
    fields,
    hookimpl,
    iso,
    to_json,
    validate,
)

FOR_NOW_STATUS = {408, 425, 429}
FOR_NOW = {
    "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "500", "503",
    "BadDigest", "IncompleteBody", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch",
}  # fmt: skip
TOO_FAST = {"SlowDown", "503", "TooManyRequests"}
CONFIGURED_WRONG = re.compile(
    "AccessDenied|AllAccessDisabled|AuthorizationHeaderMalformed|ExpiredToken|IllegalLocationConstraintException"
    "|InvalidAccessKeyId|InvalidBucketName|InvalidLocationConstraint|InvalidToken|NoSuchBucket|PermanentRedirect"
    r"|SignatureDoesNotMatch|TokenRefreshRequired|\w*QuotaExceeded|KMS\..+|unknown|\d{3}"
)
"""The last two: whatever answered with a 4xx, it was no storage."""
CONFIGURED_WRONG_STATUS = {301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 410}

LOOK_AT = "Check endpoint, bucket, region, keys and their rights, and this machine's clock."
TIMEOUTS = (5, 12)
"""Seconds to connect, and between two pieces of an answer."""


class S3(Destination):
    """Events of the same hour are written together as one object, gzip JSON Lines:
    `PREFIX/dt=2026-11-18/hour=11/….jsonl.gz`, by the hour in UTC in which they happened. A line is
    `{"id", "type", "timestamp", "data"}`, and `data` holds the fields of the mapping. Requests are shown as they are
    before they are compressed.

    An object's name follows from the deliveries in it, so the same ones sent again overwrite it. After a failure they
    may come in another company: keep the first line of each `id`.

    It works with boto3: `ours plugin list` has the line that installs it. It takes Amazon S3; with an *endpoint* also
    MinIO, Cloudflare R2, Google Cloud Storage (`https://storage.googleapis.com`, with HMAC keys) and others. Without
    keys, the machine's own credentials are used (an instance's role, the AWS variables and files). They need
    `s3:PutObject` and nothing else.
    A storage in a network of your own is reached when `OURS_ALLOW_NETWORKS` names that network. Where the machine gets
    credentials of its own from is not looked at: no setting here names it.

    | answer | what follows |
    |---|---|
    | 2xx with an `ETag` | delivered |
    | `SlowDown`, `ServiceUnavailable`, `InternalError`, `RequestTimeout`, 408, 425, 429, 5xx, no answer; what was \
spoilt on its way, such as `BadDigest` | tried again |
    | `AccessDenied`, wrong or expired keys, no such bucket, another region, a quota, a key of KMS, this machine's \
clock; a redirect, 401, 402, 403, 404, 405, 407, 410; what no storage says, such as a page | after five in a row, it \
pauses |
    | `EntityTooLarge`, 413 | sent in smaller parts |
    | all else | rejected |

    Proven against a server that speaks S3; not yet run against the vendors.
    """

    slug = "s3"
    label = "Object storage (S3)"
    summary = "Writes events as gzip JSON Lines into a bucket of S3, MinIO, R2 or Google Cloud Storage."
    dedupes = True
    needs = ("boto3",)
    batching = Batching(max_items=10_000, max_bytes=16_000_000, linger=10.0)
    default_mapping = EVENT_MAPPING

    class Settings(amazon.BothOrNone):
        bucket = fields.String(required=True, validate=validate.Regexp(
            r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\Z", error="Must be a bucket's name."), metadata={
            "label": "Bucket", "example": "my-events", "help": "Its name. It must exist."})  # fmt: skip
        prefix = fields.String(load_default="ours", validate=validate.Regexp(
            r"[\w.=-]+(/[\w.=-]+)*\Z", re.ASCII, error="Must be letters, digits, . _ = - and / between."),
            metadata={"label": "Prefix", "help": "The prefix of the object names."})  # fmt: skip
        region = amazon.region("Of the bucket; `auto` for Cloudflare R2.")
        endpoint = Endpoint(metadata={
            "label": "Endpoint", "help": "The address of a storage other than Amazon's."})  # fmt: skip
        access_key_id = fields.String(metadata={
            "label": "Access key id", "help": "Without it, the machine's own credentials are used."})  # fmt: skip
        secret_access_key = Secret(metadata={"label": "Secret access key", "help": "The one that goes with the id."})
        encryption = fields.String(validate=validate.OneOf(["AES256", "aws:kms"]), metadata={
            "label": "Encryption at rest",
            "help": "Requested for each object; none: the bucket's default."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        return {"id": delivery.id} | envelope(delivery)

    def group(self, delivery: Delivery) -> str:
        return iso(delivery.event.occurred_at)[:13]

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        name = hashlib.sha256("\n".join(item["id"] for item in items).encode()).hexdigest()[:32]
        day, _, hour = items[0]["timestamp"][:13].partition("T")
        key = f"{settings['prefix']}/dt={day}/hour={hour}/{name}.jsonl.gz"
        host = settings.get("endpoint") or f"https://s3.{settings['region']}.amazonaws.com"
        lines = b"".join(to_json(item) + b"\n" for item in items)
        url = f"{host.rstrip('/')}/{settings['bucket']}/{quote(key)}"
        return Request("PUT", url, headers={"Content-Type": "application/gzip"}, data=lines)

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError

        key = unquote(urlsplit(request.url).path).rpartition(f"/{settings['bucket']}/")[2]
        extra = {"ServerSideEncryption": settings["encryption"]} if settings.get("encryption") else {}
        body = gzip.compress(request.data, mtime=0)
        try:
            kept = client_for(settings, network).put_object(
                Bucket=settings["bucket"], Key=key, Body=body, ContentType="application/gzip", **extra
            )
        except ClientError as error:
            if error.operation_name != "PutObject":
                return Unauthorized("no_credentials", f"Amazon gives this machine no credentials of its own. {LOOK_AT}")
            said = verdict(error.response, request.data.count(b"\n"))
            if isinstance(said, Unauthorized):
                _client.cache_clear()  # the machine may be given other credentials
            return said
        except BotoCoreError as error:
            return unanswered(error)
        except RuntimeError:
            return Retry("no_credentials", "This machine's credentials were renewed, and have expired all the same.")
        except Elsewhere:
            return Unauthorized("redirect", f"It answered with a redirect, which is not followed. {LOOK_AT}")
        if not kept.get("ETag"):
            return Unauthorized("no_etag", f"What answered is no storage, for it named no ETag. {LOOK_AT}")
        return Delivered(key)


class Elsewhere(Exception):
    """A redirect that names no region: botocore would look for one by asking there, be sent elsewhere, and so on."""


def client_for(settings: Mapping[str, Any], network: Network) -> Any:
    endpoint, key_id = settings.get("endpoint"), settings.get("access_key_id")
    return _client(endpoint, settings["region"], key_id, settings.get("secret_access_key"), network)


@cache
def _loader() -> Any:
    """What S3's interface is, for all clients: reading it takes each a fifth of a second and 12 MiB."""
    from botocore.session import Session

    return Session().get_component("data_loader")


@lru_cache(maxsize=32)
def _client(endpoint: str | None, region: str, key_id: str | None, secret: SecretValue | None, network: Network) -> Any:
    """One for all threads: using it keeps its connections."""
    from botocore.config import Config
    from botocore.exceptions import NoCredentialsError
    from botocore.session import Session

    own = {"request_checksum_calculation": "when_required", "s3": {"addressing_style": "path"}} if endpoint else {}
    config = Config(connect_timeout=TIMEOUTS[0], read_timeout=TIMEOUTS[1], retries={"total_max_attempts": 1}, **own)
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": secret.reveal()} if key_id and secret else {}
    session = Session()
    session.register_component("data_loader", _loader())
    if not keys and session.get_credentials() is None:
        raise NoCredentialsError  # kept would be a client that never looks for any again
    client = session.create_client("s3", region_name=region, endpoint_url=endpoint, config=config, **keys)
    client.meta.events.register("before-send.s3", _sender(network))
    return client


def _sender(network: Network) -> Callable[..., Any]:
    """Sends botocore's requests in its place, over connections that ``network`` opens."""
    from botocore import awsrequest
    from botocore.httpsession import HTTPClientError, URLLib3Session
    from urllib3.exceptions import NewConnectionError

    class Opened:
        def _new_conn(self) -> socket.socket:
            try:
                return network.connect(self.host, self.port, TIMEOUTS[0])  # type: ignore[attr-defined]
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]

    class Plain(awsrequest.AWSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = type("OpenedPlain", (Opened, awsrequest.AWSHTTPConnection), {})

    class Secure(awsrequest.AWSHTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = type("OpenedSecure", (Opened, awsrequest.AWSHTTPSConnection), {})

    direct = URLLib3Session(timeout=TIMEOUTS)
    direct._manager.pool_classes_by_scheme = {"http": Plain, "https": Secure}  # noqa: SLF001 - it has no other door

    @lru_cache
    def by(proxy: str) -> Any:
        return URLLib3Session(timeout=TIMEOUTS, proxies={"http": proxy, "https": proxy}) if proxy else direct

    def send(request: Any, **_: object) -> Any:
        try:
            answer = by(network.proxy_for(urlsplit(request.url).hostname or "")).send(request)
        except HTTPClientError as error:
            refused = error.kwargs.get("error")
            raise refused if isinstance(refused, NetworkRefused) else error from None
        if 300 <= answer.status_code < 400 and "x-amz-bucket-region" not in answer.headers:
            raise Elsewhere
        return answer

    return send


def verdict(response: Mapping[str, Any], count: int = 1) -> Outcome:
    code = str(response.get("Error", {}).get("Code") or "unknown")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    said = f"The storage answered {code} ({status})."
    if code == "EntityTooLarge" or status == 413:
        return Split(code, said) if count > 1 else Rejected(code, said)
    if code in FOR_NOW or status >= 500 or status in FOR_NOW_STATUS:
        return Retry(code, said, throttle=code in TOO_FAST or status == 429)
    if CONFIGURED_WRONG.fullmatch(code) or status in CONFIGURED_WRONG_STATUS:
        return Unauthorized(code, f"{said} {LOOK_AT}")
    return Rejected(code, said)


def unanswered(error: Exception) -> Outcome:
    name = type(error).__name__
    if "Credentials" in name:
        return Unauthorized("no_credentials", "No keys are set, and this machine has no credentials of its own.")
    return Retry("unanswered", f"The storage gave no answer: {name}.")


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [S3]
