"""The Kubernetes library without the parts that the operator does not use.

`import kubernetes` loads the synchronous client too, with requests, OAuth and web sockets: 7 MB and a third of a second
in each operator, for code that must not be called here, because it blocks. Of `kubernetes.aio`, the dynamic client and
the watch (streams are our own) are 2 MB more. Empty modules take the places of all these; nothing that is used needs
one of them, and Kopf does without its types.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final

SYNCHRONOUS: Final = ("client", "config", "dynamic", "informer", "leaderelection", "stream", "utils", "watch")
"""What the package imports when it is imported, beside `aio`."""
UNUSED: Final = ("aio.dynamic", "aio.watch")


def leave_out_what_is_not_used() -> None:
    """Must be called before anything imports `kubernetes` or Kopf; too late, it does nothing."""
    if "kubernetes" in sys.modules:
        return
    for part in (*SYNCHRONOUS, *UNUSED):
        name = f"kubernetes.{part}"
        sys.modules.setdefault(name, ModuleType(name))
