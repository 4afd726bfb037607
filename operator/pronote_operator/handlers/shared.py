"""Cluster-scoped objects that many bases share: parsed once, looked up often."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import ValidationError

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.references import Named, is_default

logger = logging.getLogger(__name__)


class Shared:
    """Version channels (whole) and backup policies (by name)."""

    def __init__(self) -> None:
        self.channels: dict[str, VersionChannel] = {}
        self.channel_names: dict[str, Named] = {}
        self.policy_names: dict[str, Named] = {}

    def put_channel(self, body: dict[str, Any]) -> bool:
        """Keep a channel; False when nothing that bases depend on changed.

        One that the API server let through and that makes no sense all the same is as good as not there.
        """
        name = str(body["metadata"]["name"])
        try:
            channel = VersionChannel.model_validate(body)
        except ValidationError as error:
            logger.error("VersionChannel %s cannot be used: %s", name, error)
            self.remove_channel(name)
            return True
        named = Named(name, is_default(channel.metadata.annotations))
        before = self.channels.get(name)
        same = before is not None and before.spec == channel.spec and self.channel_names[name] == named
        self.channels[name] = channel
        self.channel_names[name] = named
        return not same

    def remove_channel(self, name: str) -> None:
        """Forget a channel."""
        self.channels.pop(name, None)
        self.channel_names.pop(name, None)

    def put_policy(self, body: dict[str, Any]) -> bool:
        """Keep a policy's name; False when nothing that bases depend on changed."""
        metadata = body["metadata"]
        named = Named(metadata["name"], is_default(metadata.get("annotations") or {}))
        same = self.policy_names.get(named.name) == named
        self.policy_names[named.name] = named
        return not same

    def remove_policy(self, name: str) -> None:
        """Forget a policy."""
        self.policy_names.pop(name, None)
