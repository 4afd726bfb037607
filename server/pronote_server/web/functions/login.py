"""Functions by which a session of the protocol logs in: `Identification`, `Authentification`; and leaves."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from pronote_server.accounts import find_account, find_account_by_id
from pronote_server.admission import Refused, check_place, count_failure, enter, record
from pronote_server.errors import Refusal
from pronote_server.usernames import username_key
from pronote_server.web.challenge import Challenge, client_key, new_challenge
from pronote_server.web.cipher import BLOCK, encrypt, md5
from pronote_server.web.dialogues import PendingLogin
from pronote_server.web.gate import entry
from pronote_server.web.protocol import ErrorCode, ProtocolError
from pronote_server.web.state import once_key
from pronote_server.words import LoginResult

if TYPE_CHECKING:
    from pronote_server.accounts import Account
    from pronote_server.web.functions.call import Call

MAX_ATTEMPTS: Final = 5
"""Logins that one page may begin."""

MAX_NAME: Final = 64
"""Longest name that is looked up, as in every other login."""

WRONG: Final = 1
"""`Acces` of a login that is refused."""

MESSAGES: Final = {
    "WrongCredentials": "L'identifiant ou le mot de passe est incorrect.",
    "AccountLocked": "Votre compte est verrouillé.",
    "WrongEspace": "Vous n'avez pas accès à cet Espace.",
    "LicenceFull": "Toutes les places sont prises : réessayez plus tard.",
}
"""What a person is shown, by the reason of a refusal."""

NOBODY_VERIFIER: Final = bytes(60)
"""Opened where there is no verifier, so that every name costs the same; nothing opens it."""


async def identification(call: Call) -> dict[str, Any]:
    """Send a challenge, for every name.

    A name that nobody has, or whose password was not presented in clear since it was set, gets one that nobody meets.
    """
    dialogue = call.dialogue
    if dialogue.session is not None:
        raise ProtocolError(ErrorCode.ACCESS_REFUSED)
    dialogue.pending = None
    dialogue.attempts += 1
    if dialogue.attempts > MAX_ATTEMPTS:
        raise ProtocolError(ErrorCode.TOO_MANY_ATTEMPTS)
    name = call.text("identifiant", MAX_NAME)
    if call.data.get("pourENT") is True:
        return await _delegated(call, name)
    return await _by_password(call, name)


async def _by_password(call: Call, name: str) -> dict[str, Any]:
    instance, dialogue = call.instance, call.dialogue
    site, sealer = instance.sites.site, instance.sealer
    if site is None or not site.allows_password(dialogue.espace) or sealer is None:
        raise ProtocolError(ErrorCode.ACCESS_REFUSED)
    key = username_key(name)
    account = await find_account(instance, key)
    digest = sealer.open(
        key or "",
        account.password_hash if account else "",
        (account.verifier if account else None) or NOBODY_VERIFIER,
    )
    # Whose digest is not known is sent a challenge of a key that nobody has.
    client = client_key(name, digest or secrets.token_hex(32))
    challenge = new_challenge(client, dialogue.keys.vector)
    dialogue.pending = PendingLogin(challenge, account if digest else None, account.person.user_id if account else None)
    return {"alea": sealer.alea(key or ""), **_document(challenge)}


async def _delegated(call: Call, name: str) -> dict[str, Any]:
    instance, dialogue = call.instance, call.dialogue
    login = instance.web.one_time_logins.take(once_key(name), time.monotonic())
    account: Account | None = None
    if login is not None and login.espace is dialogue.espace:
        account = await find_account_by_id(instance, login.user_id)
    digest = login.digest if login is not None and account is not None else secrets.token_hex(32)
    challenge = new_challenge(client_key("", digest), dialogue.keys.vector)
    dialogue.pending = PendingLogin(challenge, account, account.person.user_id if account else None)
    return _document(challenge)


def _document(challenge: Challenge) -> dict[str, Any]:
    # 0: names and passwords are not changed to lower case before they are hashed.
    return {"challenge": challenge.text, "modeCompLog": 0, "modeCompMdp": 0}


async def authentification(call: Call) -> dict[str, Any]:
    """Let in who meets the challenge, and send the key of the rest of the session."""
    instance, dialogue = call.instance, call.dialogue
    pending, dialogue.pending = dialogue.pending, None
    if pending is None or dialogue.session is not None:
        raise ProtocolError(ErrorCode.ACCESS_REFUSED)
    met = pending.challenge.is_met_by(call.text("challenge", 4096))
    place = entry(call.address, dialogue.espace)
    try:
        check_place(instance, place)
        if pending.account is None or not met:
            count_failure(instance, call.address)
            refusal = Refusal(401, "WrongCredentials", "User name or password is wrong.")
            raise Refused(refusal, LoginResult.REFUSED, pending.user_id)
        _, session = enter(instance, place, pending.account)
    except Refused as refused:
        await record(instance, place, refused.result, refused.user_id)
        return {
            "Acces": WRONG,
            "AccesMessage": {"message": MESSAGES.get(refused.refusal.reason, MESSAGES["LicenceFull"])},
        }
    number = dialogue.number
    session.ended = lambda: instance.web.forget(number)
    instance.web.dialogues.connect(dialogue, session)
    await record(instance, place, LoginResult.SUCCESS, session.person.user_id)
    raw = secrets.token_bytes(BLOCK)
    call.key = md5(raw)
    text = ",".join(str(byte) for byte in raw)
    return {
        "libelleUtil": session.person.username,
        "modeSecurisationParDefaut": 0,
        "cle": encrypt(pending.challenge.key, dialogue.keys.vector, text.encode()).hex(),
    }


async def deconnexion(call: Call) -> dict[str, Any]:
    """Log out."""
    call.require_session()
    call.leaves = True
    return {}
