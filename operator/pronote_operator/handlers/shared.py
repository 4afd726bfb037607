"""Cluster-scoped objects that many bases share: parsed once, looked up often."""

from __future__ import annotations

import logging
from typing import Any, TypeVar

from pydantic import ValidationError

from pronote_operator.api.backuppolicy import BackupPolicy
from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.references import Named, is_default

logger = logging.getLogger(__name__)

M = TypeVar("M", VersionChannel, BackupPolicy)


class Shared:
    """Version channels and backup policies."""

    def __init__(self) -> None:
        self.channels: dict[str, VersionChannel] = {}
        self.channel_names: dict[str, Named] = {}
        self.policies: dict[str, BackupPolicy] = {}
        self.policy_names: dict[str, Named] = {}

    def put_channel(self, body: dict[str, Any]) -> bool:
        """Keep a channel; False when nothing that bases depend on changed.

        One that the API server let through and that makes no sense all the same is as good as not there.
        """
        return _put(VersionChannel, body, self.channels, self.channel_names)

    def remove_channel(self, name: str) -> None:
        """Forget a channel."""
        self.channels.pop(name, None)
        self.channel_names.pop(name, None)

    def put_policy(self, body: dict[str, Any]) -> bool:
        """Keep a policy; False when nothing that bases depend on changed. As for a channel."""
        return _put(BackupPolicy, body, self.policies, self.policy_names)

    def remove_policy(self, name: str) -> None:
        """Forget a policy."""
        self.policies.pop(name, None)
        self.policy_names.pop(name, None)


def _put(model: type[M], body: dict[str, Any], known: dict[str, M], names: dict[str, Named]) -> bool:
    name = str(body["metadata"]["name"])
    try:
        parsed = model.model_validate(body)
    except ValidationError as error:
        logger.error("%s %s cannot be used: %s", model.__name__, name, error)
        known.pop(name, None)
        names.pop(name, None)
        return True
    named = Named(name, is_default(parsed.metadata.annotations))
    before = known.get(name)
    same = before is not None and before.spec == parsed.spec and names[name] == named
    known[name] = parsed
    names[name] = named
    return not same
