"""Connections as both APIs show them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pronote_server.clock import rfc3339

if TYPE_CHECKING:
    from pronote_server.instance import Instance


def connections_document(instance: Instance) -> dict[str, object]:
    """Return the open connections, the longest connected first, and the licence places."""
    instance.sessions.expire(time.monotonic())
    usage, licences = instance.sessions.usage(), instance.settings.licences
    return {
        "connections": [
            {
                "id": session.id,
                "application": session.application.value,
                "mode": session.mode.value,
                "espace": session.espace or "",
                "username": session.person.username,
                "schoolYear": session.school_year or instance.config.base.school_year,
                "machine": session.machine,
                "address": session.address,
                "connectedTime": rfc3339(session.connected),
                "lastSeenTime": rfc3339(session.last_seen),
            }
            for session in instance.sessions.by_connection_time()
        ],
        "licences": {
            "administrative": {
                "used": usage.administrative,
                "limit": licences.administrative,
                "reserved": licences.reserved_for_administrators,
            },
            "teachers": {"used": usage.teachers, "limit": licences.teachers},
        },
    }
