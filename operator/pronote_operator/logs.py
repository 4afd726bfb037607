"""Logs as JSON, one object a line. No secret and no personal data is ever logged."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_KOPF_OWN = ("settings", "k8s_skip")
"""What Kopf attaches to its records for itself; the settings cannot be written as JSON."""
_QUIET = ("kopf", "aiohttp", "kubernetes", "asyncio")


def configure(level: str) -> None:
    """Send everything to standard error; libraries only from WARNING on, unless `level` is DEBUG."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "severity", "name": "logger"},
            timestamp=True,
            reserved_attrs=[*RESERVED_ATTRS, *_KOPF_OWN],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if level != "DEBUG":
        for name in _QUIET:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
