"""Alerts by e-mail."""

import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import time_machine
from aiosmtpd.controller import Controller

from ours import log
from ours import mail as mails
from ours.services.alerts import Alerts
from tests.services.alerts.hearing import Mailbox, failing
from tests.services.conftest import Place
from tests.whole.conftest import free_port

NO_NAME = "The mail server's certificate is not good for the name in OURS_SMTP_URL (SSLCertVerificationError)."


def test_a_mail_server_has_to_prove_its_name(
    alerts_of: Callable[..., Alerts], certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=0, ssl_context=tls)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    server.start()
    try:
        alerts = alerts_of(smtp_url=f"smtps://127.0.0.1:{server.port}", alert_email=("a@example.com",))
        assert alerts.test()[0].problem == NO_NAME
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        assert alerts.test()[0].problem is None
        elsewhere = alerts_of(smtp_url=f"smtps://localhost:{server.port}", alert_email=("a@example.com",))
        assert elsewhere.test()[0].problem == NO_NAME
    finally:
        server.stop()
    assert len(box.mails) == 1


def test_a_password_that_cant_be_given_is_said_to_be_that(
    alerts_of: Callable[..., Alerts], certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: trusting)
    for context, said in ((None, "offers no encryption"), (tls, "takes no password")):
        server = Controller(Mailbox(), hostname="127.0.0.1", port=0, ssl_context=context)
        with socket.create_server(("127.0.0.1", 0)) as free:
            server.port = free.getsockname()[1]
        server.start()
        scheme = "smtps" if context else "smtp"
        url = f"{scheme}://ours:secret@127.0.0.1:{server.port}"
        try:
            problem = alerts_of(smtp_url=url, alert_email=("a@example.com",)).test()[0].problem
        finally:
            server.stop()
        assert said in str(problem)
        assert "secret" not in str(problem)


def test_what_keeps_a_mail_server_from_being_used_is_said_in_words(
    alerts_of: Callable[..., Alerts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = [
            alerts_of(smtp_url=url, alert_email=("a@example.com",)).test()[0].problem
            for url in (
                f"smtp://127.0.0.1:{silent.getsockname()[1]}",
                f"smtp://127.0.0.1:{free_port()}",
                "smtp://nowhere.invalid:25",
            )
        ]
    assert said == [
        "The mail server did not answer in time (TimeoutError).",
        "No mail server listens where OURS_SMTP_URL says (ConnectionRefusedError).",
        "The mail server has no address. Check how it is spelt in OURS_SMTP_URL (gaierror).",
    ]


def test_a_mail_server_that_never_comes_to_an_end_is_cut_off(
    alerts_of: Callable[..., Alerts], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dawdle() -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):
            while True:
                line.sendall(b"220-wait\r\n")
                over.wait(0.05)

    over = threading.Event()
    monkeypatch.setattr(mails, "_MOST_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=dawdle, daemon=True).start()
        port = listener.getsockname()[1]
        (told,) = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=("a@example.com",)).test()
    assert told.problem == "The mail server can't be used (SMTPServerDisconnected)."


def test_by_mail(place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]) -> None:
    failing(place)
    box, port = mailbox
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "alert_email": ("a@example.com", "b@example.com")}
    box.refuses = True
    alerts = alerts_of(**mail)
    assert alerts.test()[0].problem == "The mail server answered 451."
    box.refuses = False
    alerts.run()
    (mail_,) = box.mails
    assert str(mail_["Subject"]).startswith("[Ours] “Hook” is failing: 10 tries")
    assert mail_["To"] == "a@example.com, b@example.com"
    assert "It is probed, and resumes automatically." in mail_.get_content()


def test_a_password_is_never_sent_in_clear_and_a_server_that_is_away_is_a_problem_in_words(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    for url in (f"smtp://user:secret@127.0.0.1:{port}", "smtp://127.0.0.1:9", f"smtps://127.0.0.1:{port}"):
        (told,) = alerts_of(smtp_url=url, alert_email=("a@example.com",)).test()
        assert told.problem
        assert "secret" not in told.problem
    assert box.mails == []


def test_a_recipient_whom_the_mail_server_refuses_is_told_of_and_the_others_get_it_once(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(place)
    box, port = mailbox
    log.configure(style="json")
    alerts = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=("a@example.com", "nobody@example.com"))
    alerts.run()
    alerts.run()
    assert len(box.mails) == 1
    assert '"refused": 1, "of": 2, "event": "recipients_refused"' in capsys.readouterr().err


def test_that_all_addresses_are_refused_is_told_with_the_codes_and_names_nobody(
    alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    to = ("grey@example.com", "nobody@example.com")
    (told,) = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=to).test()
    assert told.problem == "The mail server refused each address: it answered 450 4.7.1, 550."
    assert box.mails == []


def test_a_mail_goes_through_a_server_that_takes_no_eight_bits(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    mailer = mails.Mailer(f"smtp://127.0.0.1:{port}", "ours@example.com", ["a@example.com"])
    assert mailer.send("Café", "“Café” fails.\n.\nEnd.\n") is None
    (mail_,) = box.mails
    assert mail_.get_content().splitlines() == ["“Café” fails.", ".", "End."]
    assert mail_.as_bytes().isascii()


def test_the_mails_of_an_alert_are_a_thread(
    place: Place, alerts_of: Callable[..., Alerts], mailbox: tuple[Mailbox, int], now: time_machine.Traveller
) -> None:
    hook = failing(place)
    box, port = mailbox
    alerts = alerts_of(smtp_url=f"smtp://127.0.0.1:{port}", alert_email=("a@example.com",))
    alerts.run()
    place.destinations.turn_off(hook, actor="cli")
    for _ in range(2):
        now.shift(61)
        alerts.run()
    opened, ended = box.mails
    assert str(ended["Subject"]).startswith("[Ours] Resolved: ")
    assert opened["References"] == ended["References"]
    assert re.fullmatch(r"<[0-9a-f.]+@localhost>", opened["References"])
    assert opened["Message-ID"] != ended["Message-ID"]
