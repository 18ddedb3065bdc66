"""Why a dispatch, an attempt or an event is as it is: every code that we give, in words, and what to do about it."""

import re
from dataclasses import dataclass

from ours import errors
from ours.core.governance import PREFIX, RuleCode
from ours.core.identity.custom import MOST_BYTES, MOST_KEYS
from ours.errors import DAMAGED, KEY_MISSING, UNROUTABLE, is_unopened, missing_key


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence for the reviewer, and one on what to do."""

    words: str
    remedy: str


_NOTHING = "Nothing needs doing."
_WAITS = "It is tried again by itself; look at the destination if it keeps happening."
_CREDENTIALS = "Renew the credentials in the settings, or check their rights; it is tried again by itself."
_SLOWER = "It is tried again by itself when the destination said; set a rate limit if it keeps happening."
_WHAT = "The event, its visitor, or the destination's settings"
NO_WORD = "no_word"
ERASED = "reason_erased"
_STATUS = re.compile(r"[0-9]{3}")
_WORD = re.compile(r"[\w.:/#$()\[\]-]{1,100}", re.ASCII)
ABANDONED = "abandoned:"
"""Before the reason why something could not be opened: somebody decided that it ends there."""

REASONS = {
    # Decided before a try
    "not_allowed": Reason(
        "The event is not on this destination's allow list.",
        "Add the event's name to the allow list if it may leave for this destination; later events then go, and this"
        " one from its page, or with `ours replay event ID --to NAME`.",
    ),
    "source_not_heard": Reason(
        "The destination does not listen to the source that sent the event.",
        "Let the destination listen to that source if its events may leave for it, then replay.",
    ),
    "field_missing": Reason(
        "The mapping gives no value for a field that the destination needs.",
        "See the attempt's message for the field; map it, or have the backend send it, then replay.",
    ),
    "replayed": Reason("Nobody could say whether it arrived, so it was replayed; the replay takes over.", _NOTHING),
    "destination_off": Reason("The destination was off.", "Turn it on, then replay the event if it should still go."),
    "destination_paused": Reason(
        "The destination is paused and keeps its backlog.",
        "Resume the destination; if it paused itself, first mend what its page names.",
    ),
    "destination_removed": Reason("The destination was removed before the event could be delivered.", _NOTHING),
    "plugin_missing": Reason(
        "No plugin for this destination's type is loaded.",
        "Install the plugin, or see with `ours plugin list` why it was set aside. The backlog is kept until then.",
    ),
    DAMAGED: Reason(
        errors.unopened(_WHAT, DAMAGED),
        "Find out who changed it, and put it right from a backup. It is tried again whenever the scheduler starts.",
    ),
    UNROUTABLE: Reason(
        errors.unopened("The event", UNROUTABLE),
        "Report what the log says. It keeps nobody behind it waiting, and is tried again when the scheduler starts.",
    ),
    "breaker_open": Reason(
        "The destination fails, so it is left alone for a while; no try is used up.",
        "It goes on by itself once one dispatch has got through; look at the destination if it keeps happening.",
    ),
    "mapping_invalid": Reason(
        "The destination's mapping can't be read, so what it is owed is held.",
        "Its page, `ours destination show` and `ours doctor` name the field. Mend it: all goes on by itself.",
    ),
    "settings_invalid": Reason(
        "The destination's settings do not fit what its plugin asks for, so what it is owed is held.",
        "Its page, `ours destination show` and `ours doctor` name the setting. Mend it: all goes on by itself.",
    ),
    "build_failed": Reason(
        "The plugin failed while it built the request: a fault in the plugin; five in a row pause its destination.",
        "Read the attempt's message, mend the plugin, resume the destination if it was paused, then replay.",
    ),
    "request_too_large": Reason(
        "The plugin built a request of more than 10 MiB for this event.",
        "Let the mapping send less of the event, or mend the plugin, then replay.",
    ),
    "plugin_timeout": Reason(
        "The plugin did not come back from a call in time; five times in a row pause its destination.",
        "Read the attempt's message, mend the plugin, resume the destination, then replay.",
    ),
    "too_old": Reason(
        "The event happened longer ago than this destination takes events.",
        "Nothing can be done: the destination would refuse it, or count it on the wrong day.",
    ),
    "no_conversion": Reason(
        "An identity update tells who somebody is, and this destination takes only what was bought or done.",
        "Nothing needs doing. Take `$identify` off its allow list, and none is tried.",
    ),
    "skipped": Reason("The plugin decided that this event is not for this destination.", _NOTHING),
    # Happened while trying
    "timeout": Reason("The destination did not answer in time.", _WAITS),
    "connect_failed": Reason("No connection to the destination could be made.", _WAITS),
    "out_of_files": Reason(
        "Nothing was sent: this server had as many files and connections open as it may.",
        "It is tried again by itself. Let the server open more (`ulimit -n`, `LimitNOFILE=`) if it keeps happening.",
    ),
    "dns_failed": Reason("The destination's host name could not be looked up.", "Check the host name in the settings."),
    "tls_failed": Reason(
        "The destination's certificate was refused, or no secure connection could be agreed.",
        "Check the destination's certificate and the host name in the settings.",
    ),
    "connection_lost": Reason("The connection broke before the answer was complete.", _WAITS),
    "ssrf_refused": Reason(
        "The destination's address lies in a network that is not public, and such networks are closed to us.",
        "If it is meant to, name the network in OURS_ALLOW_NETWORKS, then replay.",
    ),
    "invalid_request": Reason(
        "The request can't be sent: its address is no URL that we can use.",
        "Check the address in the settings, then replay.",
    ),
    "response_too_large": Reason(
        "The destination's answer had more headers than are read.",
        "It is sent again where the destination tells repeats; otherwise see there whether it arrived.",
    ),
    "answer_cut": Reason(
        "The destination's answer to many events was longer than what is read of one.",
        "They go again in smaller parts where the destination tells repeats; otherwise see there what arrived.",
    ),
    "read_failed": Reason(
        "The plugin failed while it read the answer: a fault in the plugin; five in a row pause its destination.",
        "Read the attempt's message, mend the plugin, and see in the destination whether the event arrived.",
    ),
    "not_read": Reason(
        "The plugin was not asked what the answer means, for its calls take too long.",
        "Mend the plugin, and see in the destination whether the event arrived.",
    ),
    "send_failed": Reason(
        "The plugin failed while it sent: a fault in the plugin; five in a row pause its destination.",
        "Read the attempt's message, mend the plugin, and see in the destination whether the event arrived.",
    ),
    "lease_lost": Reason(
        "The worker ended while it was sending, so nobody heard the answer.",
        "It is sent again where the destination tells repeats; otherwise see there whether it arrived.",
    ),
    "ends_workers": Reason(
        "Five workers ended while they had it in hand, so it is tried no more.",
        "See in the workers' log where they ended and mend the plugin, or whether memory ran out; then replay.",
    ),
    "worker_stopped": Reason(
        "The worker was stopped before the answer came.",
        "It is sent again where the destination tells repeats; otherwise see there whether it arrived.",
    ),
    # How it ended
    "ambiguous": Reason(
        "Nobody can say whether it arrived, and the destination can't tell a repeat from a new event.",
        "See in the destination whether the event arrived: confirm it if it did, replay it if not.",
    ),
    "confirmed": Reason(
        "Nobody could say whether it arrived; then somebody saw at the destination that it had.", _NOTHING
    ),
    "rejected": Reason("The destination will not take it.", "Read the attempt's message."),
    NO_WORD: Reason(
        "The plugin's reason is no short machine word, so it stands in the attempt's message alone.",
        "Read the attempt's message, and give the plugin a word for it, such as no_email.",
    ),
    "try_again": Reason("The destination could not take it just then.", _WAITS),
    "gave_up": Reason(
        "All tries were used up without success.", "Replay the event once the destination is well again."
    ),
    "test_mode": Reason(
        "It came with a test key: the request was built and kept, and nothing was sent.",
        "Use the source's live key to have events delivered.",
    ),
    "auth_failed": Reason(
        "It refused our credentials or settings several times in a row and was paused. Its backlog is kept.",
        "Renew the credentials or mend the settings that its latest attempts name, then resume the destination.",
    ),
    "forgotten": Reason("The visitor was forgotten before the event could be delivered.", _NOTHING),
    ERASED: Reason(
        "The reason was the plugin's own. It went when the visitor was forgotten, for it could name them.", _NOTHING
    ),
    "visitor_unknown": Reason(
        "The event was abandoned before it was routed, so nobody knows whose it is.",
        "If it can be opened after all: `ours secrets abandon REASON --undo`, with the reason it was abandoned for.",
    ),
    "expired": Reason("It was held for so long that it was given up.", "Replay the event if it should still go."),
    "visitor_forgotten": Reason("The visitor was forgotten, and all that this event carried with them.", _NOTHING),
    # What identity resolution says of an event
    "visitors_merged": Reason("The event's identifiers named two visitors, which are now one.", _NOTHING),
    "identifier_conflict:external": Reason(
        "The event names another externalId than the visitor of its userId carries; of what it says of the person, that"
        " visitor takes over only what they reject.",
        "Check which externalId the backend means, and let no two people share a userId: give each a new one when they"
        " sign in.",
    ),
    "identifier_conflict:email": Reason(
        "The event's email belongs to a visitor with another externalId, and stays there.",
        "Check whether two people share this email.",
    ),
    "identifier_conflict:second_email": Reason(
        "The event names two emails; no visitor was looked up by that in userProperties, which is kept as a property.",
        "Check whether both are this person's.",
    ),
    "identifier_conflict:phone": Reason(
        "The event's phone number belongs to a visitor with another externalId, and stays there.",
        "Check whether two people share this phone number.",
    ),
    "custom_properties_full": Reason(
        f"The visitor has as many custom properties as are kept ({MOST_KEYS:,}, or {MOST_BYTES // 1024} KiB); what had"
        " no room was not added.",
        "Look for property names that are made up anew each time, and for a userId that many people share.",
    ),
    "identifier_ignored:external": Reason(
        "The event names two externalIds; the one in userProperties was not used.", "Send one externalId."
    ),
    "identifier_ignored:email": Reason(
        "The email in userProperties is no address, so no visitor was looked up by it.",
        "Send the address, or leave it out while you do not know it.",
    ),
    "identifier_ignored:phone": Reason(
        "The phone number does not read as one, so no visitor was looked up by it.",
        "Send 7 to 15 digits with the country code.",
    ),
}

_STATUSES = {
    400: Reason("The destination found the request wrong.", "Read its answer, mend the mapping, then replay."),
    401: Reason("The destination did not accept our credentials.", _CREDENTIALS),
    402: Reason("The destination wants to be paid first.", "Pay, or choose another plan; it is tried again by itself."),
    403: Reason("The destination does not permit this.", _CREDENTIALS),
    404: Reason(
        "The destination knows no such address.",
        "Check the address and the ids in the settings. What waits then goes on by itself; replay what was rejected.",
    ),
    407: Reason(
        "The proxy on the way did not accept our credentials.",
        "Mend what OURS_PROXY says of it; it is tried again by itself.",
    ),
    408: Reason("The destination waited too long for the request.", _WAITS),
    410: Reason("The destination's address is gone for good.", "Ask the receiver for the new address."),
    413: Reason("The request was too large for the destination.", "Map fewer or smaller fields, then replay."),
    425: Reason("The destination does not take the request yet.", _WAITS),
    429: Reason("The destination asks us to slow down.", _SLOWER),
}
_FAMILIES = {
    2: Reason("The destination took the request.", _NOTHING),
    3: Reason(
        "The destination answered with a redirect, and redirects are never followed.",
        "Put the final address in the settings.",
    ),
    4: Reason(
        "The destination refused the request.", "Read its answer, mend the mapping or the settings, then replay."
    ),
    5: Reason("The destination had a fault of its own.", _WAITS),
}


_PREFIXED = (f"{KEY_MISSING}ID", f"{ABANDONED}{KEY_MISSING}ID", f"{ABANDONED}{DAMAGED}", f"{ABANDONED}{UNROUTABLE}",
             f"{PREFIX}NAME")  # fmt: skip
_PLUGINS_WORDS = "These are the plugin's words. If it is to arrive, change the mapping or the settings, then replay."
_ENDS = {DAMAGED: "it was damaged", UNROUTABLE: "it could not be routed"}


def describe(code: str | None) -> Reason:
    """The words for any code. One that we did not give is told to be the plugin's own."""
    if not code:
        return Reason("No reason is recorded.", _NOTHING)
    return _fixed(code) or _of_prefix(code) or Reason(
        f"The plugin gave the reason “{code}”.", "See the plugin's page and the attempt's message."
    )  # fmt: skip


def as_told(code: str | None, message: str) -> Reason:
    """The words for a code that a try ended with; for a plugin's own, what it said then, if anything."""
    known = describe(code)
    if not message or not tells_little(code):
        return known
    return Reason(message, known.remedy if code == NO_WORD else _PLUGINS_WORDS)


def tells_little(code: str | None) -> bool:
    """Whether only what the plugin said with it tells why: it is the plugin's own, or none."""
    return code in {NO_WORD, "rejected"} or may_name(code or "")


def may_name(code: str) -> bool:
    """Whether a code that a try ended with could name somebody: what is none of ours may come from the answer."""
    return (_fixed(code) or _of_prefix(code)) is None


def _fixed(code: str) -> Reason | None:
    return REASONS.get(code) or _of_status(code)


def unopened(code: str) -> Reason:
    """The words for what itself can't be opened, for that reason: they stand in its place."""
    return Reason(errors.unopened("It", code), describe(code).remedy)


def _of_prefix(code: str) -> Reason | None:
    for prefix, words in ((PREFIX, _of_rule), (KEY_MISSING, _of_key), (ABANDONED, _of_abandoned)):
        if code.startswith(prefix):
            return words(code.removeprefix(prefix))
    return None


def _of_abandoned(reason: str) -> Reason | None:
    if not is_unopened(reason):
        return None
    key_id = missing_key(reason)
    why = f"the secret key {key_id} that it needs was lost" if key_id else _ENDS[reason]
    return Reason(
        f"Somebody abandoned it: {why}.",
        f"If it can be opened after all: `ours secrets abandon {reason} --undo`.",
    )


def _of_rule(name: str) -> Reason:
    return Reason(
        f"The governance rule “{name}” stopped it.",
        "Look at the rule's conditions under Governance, or with `ours governance list`; once the rule lets it pass,"
        " replay the event.",
    )


def _of_key(key_id: str) -> Reason:
    return Reason(
        errors.unopened(_WHAT, errors.key_missing(key_id)),
        "Put that key back at the end of OURS_SECRET_KEYS, on every machine, and start again: it goes on by itself.",
    )


def _of_status(code: str) -> Reason | None:
    digits = code.removeprefix("http_")
    if digits == code or not _STATUS.fullmatch(digits):
        return None
    known = _STATUSES.get(int(digits)) or _FAMILIES.get(int(digits) // 100)
    return Reason(f"{known.words[:-1]} (status {digits}).", known.remedy) if known else None


def tidy(code: object) -> str:
    """A plugin's code made fit to be stored in clear: one word of at most 100 characters, empty when there is none.

    ``no_word`` for what is none, since it could name somebody and all see a code; and for what we alone may say.
    The code of a rule of ours is no plugin's, and stays as it is.
    """
    if isinstance(code, RuleCode):
        return str(code)
    text = "" if code is None else str(code).strip()
    return NO_WORD if text and (not _WORD.fullmatch(text) or _of_prefix(text)) else text


def table() -> str:
    """All codes as the Markdown table of ``docs/reasons.md``."""
    rows = REASONS | {f"http_{status}": reason for status, reason in _STATUSES.items()}
    rows |= {code: describe(code) for code in _PREFIXED}
    rows |= {f"http_{hundred}NN": reason for hundred, reason in _FAMILIES.items()}
    lines = [f"| `{code}` | {reason.words} | {reason.remedy} |" for code, reason in rows.items()]
    return "\n".join(["| code | what it says | what to do |", "|---|---|---|", *lines])
