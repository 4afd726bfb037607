"""`pronote-server net`: start, serve until SIGTERM, stop."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from pronote_net.app import status_app, visitors_app
from pronote_net.cas import TicketValidator
from pronote_net.config import net_config
from pronote_net.desk import Desk
from pronote_net.metrics import Metrics
from pronote_net.site import Sites
from pronote_net.upstream import Upstream
from pronote_server.errors import EXIT_OS, StartError
from pronote_server.http_server import Bounds, HttpServer, listen_everywhere
from pronote_server.logs import configure_logs

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from pronote_net.config import NetConfig

VISITOR_BOUNDS: Final = Bounds(connections=1000, drain_seconds=10, keep_alive_seconds=120)
"""Connections of proxies, which hold many visitors each; as long as a call may be worth waiting for; and longer than
proxies keep connections without a request (nginx 60 seconds, Traefik 90), since one that sends a message just when the
replica closes the connection must not send it again, and answers the visitor with 502."""

STATUS_BOUNDS: Final = Bounds(connections=64, drain_seconds=1)
OPEN_FILES: Final = 2048

log = logging.getLogger("pronote_net")


def run(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Args:
        environment: The variables of docs/reference/net-api.md.
    """
    configure_logs()
    # They log URLs, and what an ENT says of people.
    for name in ("urllib3", "cas"):
        logging.getLogger(name).setLevel(logging.WARNING)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        asyncio.run(_serve(net_config(environment)))
    except StartError as error:
        log.error("Cannot start: %s", error)
        return error.exit_code
    except Exception:
        # Python's own report would repeat the exception's message, which may hold what a person typed.
        log.exception("The replica has failed")
        return 1
    return 0


async def _serve(config: NetConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    upstream, tickets = Upstream(config, metrics), TicketValidator(metrics)
    desk = Desk(config, upstream, Sites(upstream), tickets, metrics)
    with ExitStack() as held:
        visitors_socket = held.enter_context(_open(config.listen))
        status_socket = held.enter_context(_open(config.status))
        visitors = HttpServer(visitors_app(desk), visitors_socket, VISITOR_BOUNDS)
        status = HttpServer(status_app(metrics), status_socket, STATUS_BOUNDS)
        serving = asyncio.create_task(visitors.serve())
        await visitors.listening.wait()
        telling = asyncio.create_task(status.serve())
        waiting = asyncio.create_task(stop.wait())
        log.info("In service", extra={"data": {"port": config.listen}})
        ended, _ = await asyncio.wait([serving, telling, waiting], return_when=asyncio.FIRST_COMPLETED)
        log.info("Stopping")
        waiting.cancel()
        visitors.stop()
        await serving
        status.stop()
        await telling
        tickets.close()
        await upstream.close()
    for task in ended - {waiting}:
        task.result()
    log.info("Stopped")


def _open(port: int) -> socket.socket:
    try:
        return listen_everywhere(port)
    except OSError as error:
        raise StartError(f"Port {port} cannot be opened: {error.strerror}.", EXIT_OS) from None
