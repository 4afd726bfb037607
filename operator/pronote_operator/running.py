"""The operator's process from its settings to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys


def run_operator() -> None:
    """Reconcile until stopped; ends the process with 2 when a setting makes no sense."""
    from pydantic import ValidationError

    from pronote_operator import logs
    from pronote_operator.cluster.lean import leave_out_what_is_not_used
    from pronote_operator.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"PRONOTE_OPERATOR_{name}: {problem['msg']}\n")
        sys.exit(2)
    logs.configure(settings.log_level)
    leave_out_what_is_not_used()
    from pronote_operator.process import Process

    async def until_stopped() -> None:
        task = asyncio.current_task()
        assert task is not None

        def claim_signals() -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)

        claim_signals()
        identity = f"{os.environ.get('POD_NAME', 'operator')}-{secrets.token_hex(4)}"
        with contextlib.suppress(asyncio.CancelledError):
            await Process(settings, identity=identity, claim_signals=claim_signals).run()

    asyncio.run(until_stopped())
