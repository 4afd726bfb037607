"""Cluster-scoped objects that many bases share: parsed once, looked up often."""

from __future__ import annotations

from typing import Any

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.references import Named, is_default


class Shared:
    """Version channels (whole) and backup policies (by name)."""

    def __init__(self) -> None:
        self.channels: dict[str, VersionChannel] = {}
        self.channel_names: dict[str, Named] = {}
        self.policy_names: dict[str, Named] = {}

    def put_channel(self, body: dict[str, Any]) -> bool:
        """Keep a channel; False when nothing that bases depend on changed."""
        channel = VersionChannel.model_validate(body)
        name = channel.metadata.name
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
