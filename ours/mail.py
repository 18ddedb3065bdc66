"""Sends a plain e-mail through the operator's mail server."""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from ours import log

_logger = log.get("mail")
_SECONDS = 10  # for each line
_MOST_SECONDS = 30.0  # for all of it: a server may say every few seconds that it will say more
_READY = 220
_FINER = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_PORTS = {"smtp": 587, "smtps": 465}


class Mailer:
    """``url``: ``smtp://user:password@host:587`` (encrypted when the server can) or ``smtps://…:465`` (always)."""

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._encrypted = parts.scheme == "smtps"
        self._sender, self._recipients = sender, list(recipients)

    def send(self, subject: str, text: str, about: Sequence[str] = ()) -> str | None:
        """Why the mail server did not take it; None when it did. Nothing of it tells the password.

        ``about``: names, of letters, digits and dots. Mails that share one are a thread.
        """
        try:
            server = self._server()
            with _cut_off_late(server), self._connect(server):
                refused = server.send_message(self._message(subject, text, about), self._sender, self._recipients)
        except smtplib.SMTPAuthenticationError:
            return "The mail server refused the user or password in OURS_SMTP_URL."
        except smtplib.SMTPResponseException as error:
            return f"The mail server answered {_code(error.smtp_code, error.smtp_error)}."
        except smtplib.SMTPRecipientsRefused as error:
            said = sorted({_code(*answer) for answer in error.recipients.values()})
            return f"The mail server refused each address: it answered {', '.join(said)}."
        except _NoPassword as error:
            return str(error)
        except (OSError, smtplib.SMTPException) as error:
            return _why(error)
        if refused:  # the others have it, and would get it again
            _logger.error("recipients_refused", refused=len(refused), of=len(self._recipients))
        return None

    def _server(self) -> smtplib.SMTP:
        if self._encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(timeout=_SECONDS, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(timeout=_SECONDS)
        server._host = self._host  # type: ignore[attr-defined]  # noqa: SLF001 - whom the certificate must name
        return server

    def _connect(self, server: smtplib.SMTP) -> smtplib.SMTP:
        try:
            self._greet(server)
            encrypted = self._encrypted
            if not encrypted and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                encrypted = True
            if self._user:
                self._sign_in(server, encrypted=encrypted)
        except BaseException:
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP) -> None:
        code, said = server.connect(self._host, self._port)
        if code != _READY:
            raise smtplib.SMTPConnectError(code, said)
        server.ehlo()

    def _sign_in(self, server: smtplib.SMTP, *, encrypted: bool) -> None:
        if not encrypted:
            raise _NoPassword("The mail server offers no encryption, so it is given no password. See OURS_SMTP_URL.")
        server.ehlo_or_helo_if_needed()
        if not server.has_extn("auth"):
            raise _NoPassword("The mail server takes no password here. Leave it out of OURS_SMTP_URL.")
        server.login(self._user, self._password)

    def _message(self, subject: str, text: str, about: Sequence[str]) -> EmailMessage:
        domain = self._sender.rpartition("@")[2] or "ours"
        message = EmailMessage()
        message["Subject"] = " ".join(subject.split())[:200]
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=domain)
        if about:
            message["References"] = " ".join(f"<{one}@{domain}>" for one in about)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")  # a server may take no eight bits
        return message


class _NoPassword(Exception):
    """There is a password, and no way to give it; the text says why."""


_WHY: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "The mail server's certificate is not good for the name in OURS_SMTP_URL"),
    (ssl.SSLError, "No secure connection to the mail server. Port 465 mostly wants smtps://, and 587 smtp://"),
    (TimeoutError, "The mail server did not answer in time"),
    (socket.gaierror, "The mail server has no address. Check how it is spelt in OURS_SMTP_URL"),
    (ConnectionRefusedError, "No mail server listens where OURS_SMTP_URL says"),
)


def _why(error: Exception) -> str:
    cause = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else error
    sentence = next((words for kind, words in _WHY if isinstance(cause, kind)), "The mail server can't be used")
    return f"{sentence} ({type(cause or error).__name__})."


def _code(code: int, said: bytes | str) -> str:
    """With the finer code that most say, as in ``450 4.7.1``; the rest may name people."""
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    finer = _FINER.match(words)
    return f"{code} {finer[0]}" if finer else str(code)


@contextmanager
def _cut_off_late(server: smtplib.SMTP) -> Iterator[None]:
    timer = threading.Timer(_MOST_SECONDS, _cut, [server])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(server: smtplib.SMTP) -> None:
    if server.sock:
        with suppress(OSError):
            server.sock.shutdown(socket.SHUT_RDWR)
