"""The two ConfigMaps of a base: the server's settings, and the connection parameters of a Client."""

from __future__ import annotations

import ipaddress
from typing import Any

from pronote_operator.builders.context import BuildContext, Manifest
from pronote_operator.builders.endpoints import client_endpoint
from pronote_operator.builders.names import PARAMETERS_KEY, SETTINGS_KEY
from pronote_operator.planning.hashing import canonical_json

PARAMETERS_FORMAT = "pronote-parameters/1"


def settings_configmap(ctx: BuildContext) -> Manifest:
    """What the server re-reads while it runs (instance contract v1): a change restarts nothing."""
    spec = ctx.base.spec
    settings = {
        "displayName": spec.display_name,
        "timeZone": spec.time_zone,
        "managedUais": list(spec.managed_uais),
        "licences": {
            "administrative": spec.licences.administrative,
            "teachers": spec.licences.teachers,
            "reservedForAdministrators": spec.licences.reserved_for_administrators,
        },
        "security": {
            "ipControl": spec.security.ip_control,
            "preferredAddresses": [_network(address) for address in spec.security.preferred_addresses],
            "prohibitedAddresses": [_network(address) for address in spec.security.prohibited_addresses],
        },
        "disabledClients": list(spec.disabled_clients),
    }
    return _configmap(ctx, ctx.names.settings, SETTINGS_KEY, settings)


def parameters_configmap(ctx: BuildContext, ca_certificate: str) -> Manifest:
    """The connection parameters that a school installs in its Clients (paramètres de connexion).

    Args:
        ctx: the base.
        ca_certificate: the authority of the base, PEM: what a Client trusts, and nothing else.

    Raises:
        HostTemplateError: the operator's host template cannot be used for this base.
    """
    host, port = client_endpoint(ctx)
    parameters = {
        "format": PARAMETERS_FORMAT,
        "uai": ctx.base.spec.uai,
        "displayName": ctx.base.spec.display_name,
        "host": host,
        "port": port,
        "caCertificate": ca_certificate,
    }
    return _configmap(ctx, ctx.names.parameters, PARAMETERS_KEY, parameters)


def _network(address: str) -> str:
    """An address or network as every server reads it: 192.0.2.7/24, which the API takes, means 192.0.2.0/24."""
    try:
        return str(ipaddress.ip_network(address, strict=False)) if "/" in address else address
    except ValueError:
        return address


def _configmap(ctx: BuildContext, name: str, key: str, value: dict[str, Any]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": ctx.metadata(name),
        "data": {key: canonical_json(value)},
    }
