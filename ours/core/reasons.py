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
_WAITS = "It is retried automatically; check the destination if this keeps happening."
_CREDENTIALS = "Renew the credentials in the settings, or check their permissions; it is retried automatically."
_SLOWER = "It is retried automatically at the time the destination gave; set a rate limit if this keeps happening."
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
        "If it may leave for this destination, add the event's name to the allow list. Later events are then sent; send"
        " this one from its page, or with `ours replay event ID --to NAME`.",
    ),
    "source_not_heard": Reason(
        "The destination does not listen to the source that sent the event.",
        "If that source's events may leave for this destination, let it listen to the source, then replay.",
    ),
    "field_missing": Reason(
        "The mapping gives no value for a field that the destination needs.",
        "The attempt's message names the field. Map it, or have the backend send it, then replay.",
    ),
    "replayed": Reason("It was not known whether it arrived, so it was replayed; the replay takes over.", _NOTHING),
    "destination_off": Reason("The destination was off.", "Turn it on, then replay the event if it should still go."),
    "destination_paused": Reason(
        "The destination is paused and keeps its backlog.",
        "Resume the destination. If it was paused automatically, first fix the problem that its page names.",
    ),
    "destination_removed": Reason("The destination was removed before the event could be delivered.", _NOTHING),
    "plugin_missing": Reason(
        "No plugin for this destination's type is loaded.",
        "Install the plugin, or run `ours plugin list` to see why it was set aside. The backlog is kept until then.",
    ),
    DAMAGED: Reason(
        errors.unopened(_WHAT, DAMAGED),
        "Find out who changed it, and restore it from a backup. It is tried again whenever the scheduler starts.",
    ),
    UNROUTABLE: Reason(
        errors.unopened("The event", UNROUTABLE),
        "Report what the log says. Events behind it do not wait, and it is tried again when the scheduler starts.",
    ),
    "breaker_open": Reason(
        "The destination keeps failing, so nothing is sent to it for a while; no try is used up.",
        "It resumes automatically once one dispatch gets through; check the destination if this keeps happening.",
    ),
    "mapping_invalid": Reason(
        "The destination's mapping can't be read, so everything owed to it is held.",
        "Its page, `ours destination show` and `ours doctor` name the field. Fix it, and delivery resumes"
        " automatically.",
    ),
    "settings_invalid": Reason(
        "The destination's settings are not valid for its plugin, so everything owed to it is held.",
        "Its page, `ours destination show` and `ours doctor` name the setting. Fix it, and delivery resumes"
        " automatically.",
    ),
    "build_failed": Reason(
        "The plugin failed while building the request. This is a bug in the plugin; five in a row pause its"
        " destination.",
        "Read the attempt's message, fix the plugin, resume the destination if it was paused, then replay.",
    ),
    "request_too_large": Reason(
        "The plugin built a request of more than 10 MiB for this event.",
        "Map less of the event, or fix the plugin, then replay.",
    ),
    "plugin_timeout": Reason(
        "A call of the plugin timed out; five in a row pause its destination.",
        "Read the attempt's message, fix the plugin, resume the destination if it was paused, then replay.",
    ),
    "too_old": Reason(
        "The event is older than this destination accepts.",
        "Nothing can be done: the destination would refuse it, or count it on the wrong day.",
    ),
    "no_conversion": Reason(
        "This is an identity update; the destination only takes what people did or bought.",
        "Nothing needs doing. To stop trying, remove `$identify` from its allow list.",
    ),
    "skipped": Reason("The plugin decided that this event is not for this destination.", _NOTHING),
    # Happened while trying
    "timeout": Reason("The destination did not answer in time.", _WAITS),
    "connect_failed": Reason("No connection to the destination could be made.", _WAITS),
    "out_of_files": Reason(
        "Nothing was sent: this server has reached its limit of open files and connections.",
        "It is retried automatically. If this keeps happening, raise the limit (`ulimit -n`, `LimitNOFILE=`).",
    ),
    "dns_failed": Reason("The destination's host name could not be looked up.", "Check the host name in the settings."),
    "tls_failed": Reason(
        "The TLS handshake failed: the destination's certificate was refused, or no common protocol was found.",
        "Check the destination's certificate and the host name in the settings.",
    ),
    "not_the_api": Reason(
        "Something other than the destination's API answered: a proxy, a firewall, a login page or another server.",
        "Check the address in the settings and what is on the way there; the attempt has the answer. It is retried"
        " automatically.",
    ),
    "connection_lost": Reason("The connection broke before the answer was complete.", _WAITS),
    "ssrf_refused": Reason(
        "The destination's address is in a private network, which destinations may not reach by default.",
        "If this is intended, add the network to OURS_ALLOW_NETWORKS, then replay.",
    ),
    "invalid_request": Reason(
        "The request can't be sent: its address is not a valid URL.",
        "Check the address in the settings, then replay.",
    ),
    "response_too_large": Reason(
        "The headers of the destination's answer were too large.",
        "It is sent again if the destination drops repeats; otherwise check there whether it arrived.",
    ),
    "answer_cut": Reason(
        "The destination's answer to a batch was too long to be read to its end.",
        "It is sent again in smaller parts if the destination drops repeats; otherwise check there what arrived.",
    ),
    "read_failed": Reason(
        "The plugin failed while reading the answer. This is a bug in the plugin; five in a row pause its destination.",
        "Read the attempt's message, fix the plugin, and check at the destination whether the event arrived.",
    ),
    "not_read": Reason(
        "The plugin was not asked what the answer means, because its calls take too long.",
        "Fix the plugin, and check at the destination whether the event arrived.",
    ),
    "send_failed": Reason(
        "The plugin failed while sending. This is a bug in the plugin; five in a row pause its destination.",
        "Read the attempt's message, fix the plugin, and check at the destination whether the event arrived.",
    ),
    "lease_lost": Reason(
        "The worker died while sending, so the answer was lost.",
        "It is sent again if the destination drops repeats; otherwise check there whether it arrived.",
    ),
    "ends_workers": Reason(
        "Five workers died while sending it, so it is not tried again.",
        "The workers' log says where they died. Fix the plugin, or check whether memory ran out; then replay.",
    ),
    "worker_stopped": Reason(
        "The worker was stopped before the answer came.",
        "It is sent again if the destination drops repeats; otherwise check there whether it arrived.",
    ),
    # How it ended
    "ambiguous": Reason(
        "It is not known whether it arrived, and the destination can't tell a repeat from a new event.",
        "Check at the destination whether the event arrived: confirm it if it did, replay it if not.",
    ),
    "confirmed": Reason("It was not known whether it arrived; then somebody found it at the destination.", _NOTHING),
    "rejected": Reason("The destination will not take it.", "Read the attempt's message."),
    NO_WORD: Reason(
        "The plugin's reason is not a short machine word, so only the attempt's message shows it.",
        "Read the attempt's message, and have the plugin return a short word, such as no_email.",
    ),
    "try_again": Reason("The destination could not take it just then.", _WAITS),
    "gave_up": Reason("All tries were used up without success.", "Replay the event once the destination works again."),
    "test_mode": Reason(
        "It came with a test key: the request was built and kept, and nothing was sent.",
        "Use the source's live key to have events delivered.",
    ),
    "auth_failed": Reason(
        "The destination refused our credentials or settings several times in a row and was paused. Its backlog is"
        " kept.",
        "Renew the credentials or fix the settings that its latest attempts name, then resume the destination.",
    ),
    "forgotten": Reason("The visitor was forgotten before the event could be delivered.", _NOTHING),
    ERASED: Reason(
        "The plugin's own reason was erased with the forgotten visitor, because it could have named them.", _NOTHING
    ),
    "visitor_unknown": Reason(
        "The event was abandoned before it was routed, so its visitor is not known.",
        "If it can be opened after all: `ours secrets abandon REASON --undo`, with the reason for which it was"
        " abandoned.",
    ),
    "expired": Reason("It was held for too long and was given up.", "Replay the event if it should still go."),
    "visitor_forgotten": Reason("The visitor was forgotten, and this event's content was erased with them.", _NOTHING),
    # What identity resolution says of an event
    "visitors_merged": Reason("The event's identifiers belonged to two visitors, which are now merged.", _NOTHING),
    "identifier_conflict:external": Reason(
        "The event's externalId differs from that of its userId's visitor. Of what the event says about the person, the"
        " visitor keeps only what they reject.",
        "Check which externalId the backend means. No two people may share a userId: start a new one when somebody"
        " signs in.",
    ),
    "identifier_conflict:email": Reason(
        "The event's email belongs to a visitor with another externalId, and stays with them.",
        "Check whether two people share this email.",
    ),
    "identifier_conflict:second_email": Reason(
        "The event has two emails. The one in userProperties was kept as a property, and not used to find a visitor.",
        "Check whether both belong to this person.",
    ),
    "identifier_conflict:phone": Reason(
        "The event's phone number belongs to a visitor with another externalId, and stays with them.",
        "Check whether two people share this phone number.",
    ),
    "custom_properties_full": Reason(
        f"The visitor has reached the limit of custom properties ({MOST_KEYS:,}, or {MOST_BYTES // 1024} KiB); the rest"
        " was not added.",
        "Look for property names that are generated anew each time, and for a userId that many people share.",
    ),
    "identifier_ignored:external": Reason(
        "The event has two externalIds; the one in userProperties was not used.", "Send one externalId."
    ),
    "identifier_ignored:email": Reason(
        "The email in userProperties is not a valid address, so it was not used to find a visitor.",
        "Send the address, or leave it out if you do not know it.",
    ),
    "identifier_ignored:phone": Reason(
        "The phone number is not valid, so it was not used to find a visitor.",
        "Send 7 to 15 digits with the country code.",
    ),
}

_STATUSES = {
    400: Reason("The destination found the request invalid.", "Read its answer, fix the mapping, then replay."),
    401: Reason("The destination did not accept our credentials.", _CREDENTIALS),
    402: Reason("The destination requires payment.", "Pay, or choose another plan; it is retried automatically."),
    403: Reason("The destination does not permit this.", _CREDENTIALS),
    404: Reason(
        "The destination found nothing at this address.",
        "Check the address and the ids in the settings. What waits then resumes automatically; replay what was"
        " rejected.",
    ),
    407: Reason(
        "The proxy did not accept our credentials.",
        "Let the proxy in OURS_PROXY allow Ours by its address; it is retried automatically.",
    ),
    408: Reason("The destination timed out while waiting for the request.", _WAITS),
    410: Reason("The destination's address no longer exists.", "Ask the receiver for the new address."),
    413: Reason("The request was too large for the destination.", "Map fewer or smaller fields, then replay."),
    425: Reason("The destination does not accept the request yet.", _WAITS),
    429: Reason("The destination asks us to slow down.", _SLOWER),
}
_FAMILIES = {
    2: Reason("The destination accepted the request.", _NOTHING),
    3: Reason(
        "The destination answered with a redirect, and redirects are never followed.",
        "Put the final address in the settings.",
    ),
    4: Reason("The destination refused the request.", "Read its answer, fix the mapping or the settings, then replay."),
    5: Reason("The destination had a server error.", _WAITS),
}


_PREFIXED = (f"{KEY_MISSING}ID", f"{ABANDONED}{KEY_MISSING}ID", f"{ABANDONED}{DAMAGED}", f"{ABANDONED}{UNROUTABLE}",
             f"{PREFIX}NAME")  # fmt: skip
_PLUGINS_WORDS = (
    "This message comes from the plugin. To deliver the event, change the mapping or settings, then replay."
)
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
        "Look at the rule's conditions under Governance, or with `ours governance list`. If the rule should let the"
        " event pass, change it, then replay the event.",
    )


def _of_key(key_id: str) -> Reason:
    return Reason(
        errors.unopened(_WHAT, errors.key_missing(key_id)),
        "Put that key back at the end of OURS_SECRET_KEYS, on every machine, and restart: it then resumes"
        " automatically.",
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
