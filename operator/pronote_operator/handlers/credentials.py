"""The Secrets of a base: made once, kept, completed when a part is missing, renewed when a certificate ends."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from dataclasses import dataclass

from pronote_operator.builders.certificates import issued, reason_to_renew, renewal_time, renewed, server_names
from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.names import SUPERADMIN_KEYS
from pronote_operator.builders.secrets import (
    agent_secret,
    certificates_in,
    net_secret,
    snapshot_key_secret,
    superadmin_secret,
    tls_secret,
)
from pronote_operator.cluster.client import Object
from pronote_operator.errors import Unusable
from pronote_operator.handlers.children import Wanted
from pronote_operator.planning.passwords import superadmin_problem


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """Of the TLS Secret: the authority's certificate (public), and when to renew."""

    authority: str
    renew: dt.datetime


@dataclass(frozen=True, slots=True)
class SuperadminFacts:
    """Of the superadministrator's Secret: why it cannot be used, or None."""

    weakness: str | None


def superadmin_facts(body: Object) -> SuperadminFacts:
    """Judge a superadministrator's Secret; never repeats what it holds."""
    data = body.get("data") or {}
    username, password = (base64.b64decode(data[key]) if data.get(key) else None for key in SUPERADMIN_KEYS)
    return SuperadminFacts(superadmin_problem(username, password))


def refuse_weak(secret: str, facts: SuperadminFacts) -> None:
    """Raise Unusable when the superadministrator's Secret cannot be used."""
    if facts.weakness is not None:
        raise Unusable("WeakSuperAdminPassword", f"Secret {secret} (spec.superAdmin): {facts.weakness}")


def tls_facts(body: Object) -> TlsFacts | None:
    """Judge a TLS Secret: None when it must be made anew."""
    held = certificates_in(body.get("data"))
    if held is None:
        return None
    try:
        return TlsFacts(authority=held.authority, renew=renewal_time(held))
    except ValueError:
        return None


def wanted_secrets(ctx: BuildContext, now: dt.datetime, *, renewal_due: bool) -> list[Wanted]:
    """The Secrets of the base, the one with the certificates first.

    Their content is never an input: what is there is kept. The exact inputs are the shared metadata, and for the
    certificates the names they must cover, and whether their time has come (`renewal_due`).
    """
    names = ctx.names
    owner = ctx.owner_reference()
    return [
        Wanted(
            "Secret",
            names.tls_secret,
            [owner, server_names(ctx), renewal_due],
            lambda there: _tls(ctx, there, now),
            tls_facts,
        ),
        Wanted(
            "Secret",
            names.agent_secret,
            [owner],
            lambda there: agent_secret(ctx, _data(there), secrets.token_bytes),
        ),
        Wanted(
            "Secret",
            names.snapshot_key_secret,
            [owner, ctx.deletes_data],
            lambda there: snapshot_key_secret(ctx, _data(there), secrets.token_bytes),
        ),
        Wanted(
            "Secret",
            names.net_secret,
            [owner, ctx.deletes_data],
            lambda there: net_secret(ctx, _data(there), secrets.token_bytes),
        ),
        *(
            [
                Wanted(
                    "Secret", names.superadmin_secret, [owner], lambda there: _superadmin(ctx, there), superadmin_facts
                )
            ]
            if ctx.base.spec.super_admin.secret_name is None
            else []
        ),
    ]


def _tls(ctx: BuildContext, there: Object | None, now: dt.datetime) -> Manifest:
    held = certificates_in(_data(there))
    covered = server_names(ctx)
    if held is None:
        held = issued(ctx.name, ctx.namespace, covered, now)
    elif reason_to_renew(held, covered, now) is not None:
        held = renewed(held, ctx.name, ctx.namespace, covered, now)
    return tls_secret(ctx, held)


def _superadmin(ctx: BuildContext, there: Object | None) -> Manifest:
    manifest = superadmin_secret(ctx, _data(there), secrets.randbelow)
    assert manifest is not None, "only called when the spec names no Secret"
    return manifest


def _data(there: Object | None) -> dict[str, str] | None:
    return there.get("data") if there is not None else None
