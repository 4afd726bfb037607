"""``pronote-agent``: the sidecar that answers for a base's server (see `web`) and guards its admin API.

Environment: see `settings`. As a native sidecar it gets SIGTERM after the server has ended, and ends within a second,
or within five when a snapshot is under way. Exit codes: 0 after SIGTERM or SIGINT, 64 for bad settings, 71 when a port
cannot be had.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Final, NoReturn

from pronote_operator.agent import logs
from pronote_operator.agent.settings import AgentSettings

EXIT_USAGE: Final = 64
EXIT_OS: Final = 71

SHUTDOWN_SECONDS: Final = 1.0
"""For requests under way. The server has ended already: there is nothing to wait for."""

logger = logging.getLogger("pronote_operator.agent")


def main() -> NoReturn:
    """Entry point of the console script."""
    try:
        settings = AgentSettings.from_environment(os.environ)
        logs.configure(settings.log_level, uai=settings.uai)
    except ValueError as error:
        logs.configure("INFO")
        logger.critical("The settings are invalid: %s", error)
        sys.exit(EXIT_USAGE)
    # The agent speaks plain HTTP to loopback and trusts no public authority: aiohttp need not load them at import.
    os.environ["SSL_CERT_FILE"] = os.devnull
    sys.exit(asyncio.run(serve(settings)))


async def serve(settings: AgentSettings) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        The exit code.
    """
    from aiohttp import web

    from pronote_operator.agent.metrics import AgentMetrics
    from pronote_operator.agent.mounted import Certificate, Token
    from pronote_operator.agent.served import ServedNote
    from pronote_operator.agent.server import Server
    from pronote_operator.agent.snapshot_api import SnapshotApi
    from pronote_operator.agent.snapshot_metrics import SnapshotMetrics
    from pronote_operator.agent.snapshots import Snapshots
    from pronote_operator.agent.web import admin_application, probe_application
    from pronote_operator.agent.work import Desk
    from pronote_operator.agent.year_api import YearApi

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(settings.admin_url)
    own = AgentMetrics(settings.version, settings.uai)
    certificate = Certificate(settings.tls_folder)
    snapshots = Snapshots(
        server,
        settings.volume,
        settings.snapshots,
        settings.snapshot_key_file,
        settings.uai,
        SnapshotMetrics(own.registry, settings.snapshots),
    )
    desk = Desk()
    apis = SnapshotApi(snapshots, desk, settings.volume), YearApi(server, settings.volume, settings.uai)
    guarded = admin_application(server, Token(settings.token_file), own, apis)
    listeners = (
        (probe_application(server, own, ServedNote(server, settings.volume)), settings.probe_port, None),
        (guarded, settings.admin_port, certificate.context),
    )
    runners = []
    try:
        for application, port, context in listeners:
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, settings.host, port, ssl_context=context).start()
        await snapshots.start()
        logger.info("Serving", extra={"fields": {"version": settings.version}})
        await stop.wait()
        logger.info("Stopping")
    except OSError as error:
        logger.critical("A port cannot be had: %s", error)
        return EXIT_OS
    finally:
        # borg ends at once, and its snapshot was none; the server's copy of the base is removed if the server lives.
        snapshots.cancel()
        await desk.stop()
        await server.close()
        await asyncio.gather(*(runner.cleanup() for runner in runners))
    return 0


if __name__ == "__main__":
    main()
