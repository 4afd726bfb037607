"""The host names of a base: for Clients from the operator's template, and all that its certificate covers."""

from __future__ import annotations

import re
import string
from functools import lru_cache

from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.names import CLIENT_PORT

PLACEHOLDERS = ("name", "namespace", "uai")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


class HostTemplateError(ValueError):
    """A template of host names that cannot be used."""


def client_host(ctx: BuildContext) -> str:
    """The host of the base for Clients.

    Raises:
        HostTemplateError: see `host_from_template`.
    """
    return host_from_template(
        ctx.options.client_host_template, name=ctx.name, namespace=ctx.namespace, uai=ctx.base.spec.uai
    )


def client_endpoint(ctx: BuildContext) -> tuple[str, int]:
    """Host and port of the base for Clients, as in `status.endpoints.client`.

    Raises:
        HostTemplateError: see `host_from_template`.
    """
    return client_host(ctx), CLIENT_PORT


def server_names(ctx: BuildContext) -> tuple[str, ...]:
    """Every name under which the server of a base is spoken to: Clients first, then the operator's ways to the agent.

    Raises:
        HostTemplateError: the operator's host template cannot be used for this base.
    """
    names, namespace = ctx.names, ctx.namespace
    wanted = (
        client_host(ctx),
        f"{names.client_service}.{namespace}.svc",
        f"{names.client_service}.{namespace}.svc.cluster.local",
        f"{names.agent_service}.{namespace}.svc",
        f"{names.pod}.{names.agent_service}.{namespace}.svc",
    )
    return tuple(dict.fromkeys(wanted))


@lru_cache(maxsize=64)
def check_host_template(template: str) -> None:
    """Refuse a template that no base can have a host from: to be called once, when the operator starts.

    Raises:
        HostTemplateError: an unknown placeholder, or text that is no host name; the message says what is allowed.
    """
    host_from_template(template, name="name", namespace="namespace", uai="0750654D")


@lru_cache(maxsize=64)  # asked for several times in each pass
def host_from_template(template: str, *, name: str, namespace: str, uai: str) -> str:
    """`template` with `{name}`, `{namespace}` and `{uai}` (lower case) filled in.

    Raises:
        HostTemplateError: another placeholder occurs, braces do not match, or the result is not a DNS name in lower
            case (at most 253 characters, labels of at most 63).
    """
    allowed = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
    values = {"name": name, "namespace": namespace, "uai": uai.lower()}
    parts: list[str] = []
    try:
        for text, placeholder, form, conversion in string.Formatter().parse(template):
            parts.append(text)
            if placeholder is None:
                continue
            if placeholder not in values or form or conversion:
                raise HostTemplateError(
                    f"host template {template!r} has the placeholder {{{placeholder}}}; allowed are {allowed}"
                )
            parts.append(values[placeholder])
    except HostTemplateError:
        raise
    except ValueError as error:
        raise HostTemplateError(
            f"host template {template!r} cannot be read ({error}); allowed are {allowed}"
        ) from error
    host = "".join(parts)
    if not _HOST.fullmatch(host):
        raise HostTemplateError(
            f"host template {template!r} gives {host!r}, which is not a DNS name: lower-case letters, digits, "
            "hyphens inside, labels of at most 63 characters, 253 in all"
        )
    return host
