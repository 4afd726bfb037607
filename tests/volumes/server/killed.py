"""A program that does one piece of work on the folder of a year and kills itself at a chosen step of it."""

from __future__ import annotations

KILLED_AT_STEP = """
import os, signal, sys
from pathlib import Path
from pronote_server.config import BaseConfig
from pronote_server.storage import files
# WORK

folder, last = Path(sys.argv[1]), int(sys.argv[2])
steps = 0

def step():
    global steps
    steps += 1
    if steps == last:
        os.kill(os.getpid(), signal.SIGKILL)

def watch(event, arguments):
    if event in ("open", "os.rename", "os.remove", "sqlite3.connect", "sqlite3.connect/handle"):
        if any(isinstance(one, (str, Path)) and str(folder) in str(one) for one in arguments):
            step()

sys.addaudithook(watch)
fsync = os.fsync
def counted(descriptor):
    step()
    fsync(descriptor)
    step()
os.fsync = counted
import sqlite3
connect = sqlite3.connect
class Connection(sqlite3.Connection):
    def execute(self, *arguments):
        step()
        return super().execute(*arguments)
sqlite3.connect = lambda *a, **k: connect(*a, factory=Connection, **k)
work(BaseConfig(folder, 2026, "0750654D", "1"))
print(steps)
"""
"""`# WORK` is replaced by an import of `work`; arguments: the folder, and the step, or -1 to count the steps."""
