"""The Secrets of a base: made once, kept, completed when a part is missing, renewed when a certificate ends."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from dataclasses import dataclass

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.endpoints import server_names
from pronote_operator.builders.names import SUPERADMIN_KEYS
from pronote_operator.builders.secrets import (
    agent_secret,
    certificates_in,
    net_secret,
    snapshot_key_secret,
    superadmin_secret,
    tls_secret,
)
from pronote_operator.certification.certifier import Certified, Certifier
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


def wanted_certificates(ctx: BuildContext, certifier: Certifier, now: dt.datetime, *, renewal_due: bool) -> Wanted:
    """The Secret with the certificates; to be brought once.

    The exact inputs are the shared metadata, the names that must be covered, and whether their time has come
    (`renewal_due`). To build it raises CertifierError when the certificates can be neither made nor judged.
    """
    covered = server_names(ctx)
    judged: list[Certified] = []

    async def build(there: Object | None) -> Manifest:
        held = certificates_in(_data(there))
        found = await certifier.certified(held, subject=ctx.name, organisation=ctx.namespace, names=covered, now=now)
        judged.append(found)
        return tls_secret(ctx, found.certificates)

    def facts(_: Object) -> TlsFacts:
        # Facts are taken of an object that is as it was built: what was judged last is what it holds.
        return TlsFacts(authority=judged[-1].certificates.authority, renew=judged[-1].renew)

    return Wanted("Secret", ctx.names.tls_secret, [ctx.owner_reference(), covered, renewal_due], build, facts)


def wanted_secrets(ctx: BuildContext) -> list[Wanted]:
    """The other Secrets of the base. Their content is never an input: what is there is kept."""
    names = ctx.names
    owner = ctx.owner_reference()
    return [
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


def _superadmin(ctx: BuildContext, there: Object | None) -> Manifest:
    manifest = superadmin_secret(ctx, _data(there), secrets.randbelow)
    assert manifest is not None, "only called when the spec names no Secret"
    return manifest


def _data(there: Object | None) -> dict[str, str] | None:
    return there.get("data") if there is not None else None
