"""`pronote-server serve`: start, serve until SIGTERM, stop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import resource
import signal
import sqlite3
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from pronote_server.admin_api import admin_app
from pronote_server.client_api import client_app
from pronote_server.config import server_config
from pronote_server.errors import EXIT_OS, StartError
from pronote_server.http_server import Bounds, HttpServer, listen_everywhere, listen_on_loopback
from pronote_server.instance import Instance
from pronote_server.logs import configure_logs
from pronote_server.passwords import return_hash_memory
from pronote_server.storage.audit import purge_audit
from pronote_server.storage.checkpoint import remove_remains
from pronote_server.storage.create import ensure_base
from pronote_server.storage.database import Database
from pronote_server.storage.kept import KeptBase, kept_years
from pronote_server.storage.lock import hold
from pronote_server.storage.new_users import take_over_users
from pronote_server.watch import watch
from pronote_server.web.net_api import net_app
from pronote_server.words import State

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from pronote_server.config import ServerConfig
    from pronote_server.watch import Watched

CLIENT_BOUNDS: Final = Bounds(connections=1000, drain_seconds=15)
"""More connections than any school has staff. Both drains and the close of the base fit into the pod's 30 seconds."""

NET_BOUNDS: Final = Bounds(connections=256, drain_seconds=8)
"""Replicas keep a pool of connections each."""

OPEN_FILES: Final = 2048
"""Open files of the process. Bounds the connections whose handshake is not done yet, and with them the memory."""

ADMIN_BOUNDS: Final = Bounds(connections=64, drain_seconds=8)
"""The agent and the kubelet need a handful of connections; this port drains after the Clients' port."""

HOUSEKEEPING_SECONDS: Final = 30.0
"""How often idle sessions end."""

ROUNDS_PER_AUDIT_PURGE: Final = 120
"""The audit lets old entries go once an hour."""

log = logging.getLogger("pronote_server")


def run(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Args:
        environment: The variables of instance contract v1.
    """
    configure_logs()
    os.umask(0o077)
    _bound_open_files()
    return_hash_memory()
    try:
        config = server_config(environment)
        asyncio.run(_serve(config))
    except StartError as error:
        log.error("Cannot start: %s", error)
        return error.exit_code
    except Exception:
        # Python's own report would repeat the exception's message, which may hold what a person typed.
        log.exception("The server has failed")
        return 1
    return 0


async def _serve(config: ServerConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    instance = Instance(config)
    with ExitStack() as held:
        admin_socket = held.enter_context(_open(listen_on_loopback, config.admin_port))
        admin = HttpServer(admin_app(instance), admin_socket, ADMIN_BOUNDS)
        # Liveness, and that it is not ready yet, can be asked from the first moment.
        serving_admin = asyncio.create_task(admin.serve())
        try:
            groups = await _prepare(instance, held)
            await _serve_clients(instance, held, groups, stop)
        finally:
            admin.stop()
            await serving_admin
            instance.passwords.close()
            if instance.database is not None:
                await asyncio.to_thread(instance.database.close)
            for kept in instance.kept.values():
                await asyncio.to_thread(kept.close)
    log.info("Stopped", extra={"data": {"seconds": round(instance.drained_seconds(), 3)}})


async def _prepare(instance: Instance, held: ExitStack) -> tuple[Watched, ...]:
    """Read the mounted files and open the base; return the files to watch.

    Raises:
        StartError: The settings, the certificate or the base cannot be used.
    """
    config, groups = instance.config, instance.watched()
    for group in groups:
        await group.look()
    if not instance.has_settings:
        raise StartError("The settings file cannot be used; the log line before says why.")
    if instance.tls is None:
        raise StartError("The TLS certificate cannot be used; the log line before says why.")
    if config.net is not None and instance.sealer is None:
        raise StartError("The files of PRONOTE_NET cannot be used; the log line before says why.")
    if not config.base.folder.is_dir():
        raise StartError("There is no folder for the school year in PRONOTE_DATA.")
    await asyncio.to_thread(held.enter_context, hold(config.base.folder))
    made = await asyncio.to_thread(ensure_base, config.base)
    users = await asyncio.to_thread(take_over_users, config.base)
    instance.database = await asyncio.to_thread(Database, config.base)
    await asyncio.to_thread(remove_remains, config.checkpoints)
    past = await asyncio.to_thread(kept_years, config.base.folder.parent, config.base.school_year)
    instance.kept = {year: KeptBase(config.base.of_year(year)) for year in past}
    log.info(
        "Base open",
        extra={
            "data": {
                "made": made,
                "schoolYear": config.base.school_year,
                "usersTakenOver": users or 0,
                "kept": list(past),
            }
        },
    )
    return groups


async def _serve_clients(instance: Instance, held: ExitStack, groups: tuple[Watched, ...], stop: asyncio.Event) -> None:
    """Serve Clients and replicas until `stop`, then let what is being asked come to its end."""
    if instance.tls is None:
        raise StartError("The TLS certificate cannot be used.")
    sock = held.enter_context(_open(listen_everywhere, instance.config.client_port))
    listeners = [HttpServer(client_app(instance), sock, CLIENT_BOUNDS, instance.tls.context)]
    if instance.config.net is not None:
        sock = held.enter_context(_open(listen_everywhere, instance.config.net.port))
        listeners.append(HttpServer(net_app(instance), sock, NET_BOUNDS, instance.tls.context))
    serving = [asyncio.create_task(listener.serve()) for listener in listeners]
    for listener in listeners:
        await listener.listening.wait()
    chores = [
        asyncio.create_task(stop.wait()),
        asyncio.create_task(watch(groups)),
        asyncio.create_task(_keep_house(instance)),
    ]
    instance.state = State.READY
    log.info(
        "In service",
        extra={"data": {"clientPort": instance.config.client_port, "version": instance.config.base.version}},
    )
    # The stop is the only one that ends by itself; a chore that fails ends the server rather than go on half alive.
    ended, running = await asyncio.wait([*serving, *chores], return_when=asyncio.FIRST_COMPLETED)
    log.info("Stopping")
    instance.drain()
    for chore in running - set(serving):
        chore.cancel()
    for listener in listeners:
        listener.stop()
    await asyncio.gather(*serving)
    for task in ended:
        task.result()


async def _keep_house(instance: Instance) -> None:
    rounds = itertools.count(1)
    while True:
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
        instance.sessions.expire(time.monotonic())
        instance.suspensions.purge(time.time())
        instance.web.expire(time.monotonic())
        if next(rounds) % ROUNDS_PER_AUDIT_PURGE == 0:
            try:
                await instance.base().write(purge_audit, int(time.time()))
            except sqlite3.Error:
                log.exception("Audit not trimmed")


def _open(listen: Callable[[int], socket.socket], port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError as error:
        raise StartError(f"Port {port} cannot be opened: {error.strerror}.", EXIT_OS) from None


def _bound_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
