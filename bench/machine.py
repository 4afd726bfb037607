"""On what and when it was measured: other work on the machine makes every time longer."""

from __future__ import annotations

import datetime as dt
import os
import platform
from pathlib import Path
from typing import Any


def load() -> float:
    """Load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def description() -> dict[str, Any]:
    """The machine, for the JSON file."""
    memory = Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0]
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memoryGigabytes": round(int(memory) / 1024**2, 1),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }
