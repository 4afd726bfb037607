"""The agent and the server of its unit tests, here in front of real repositories."""

from tests.unit.agent.conftest import agent, server

__all__ = ["agent", "server"]
