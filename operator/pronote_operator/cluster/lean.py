"""The Kubernetes library without its synchronous half.

`import kubernetes` loads the synchronous client too, with requests, OAuth and web sockets: 7 MB and a third of a second
in each operator, for code that must not be called here, because it blocks. Empty modules take the places of its parts;
`kubernetes.aio` needs none of them, and Kopf does without its types.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final

SYNCHRONOUS: Final = ("client", "config", "dynamic", "informer", "leaderelection", "stream", "utils", "watch")
"""What the package imports when it is imported, beside `aio`."""


def leave_out_synchronous_client() -> None:
    """Must be called before anything imports `kubernetes` or Kopf; too late, it does nothing."""
    if "kubernetes" in sys.modules:
        return
    for part in SYNCHRONOUS:
        name = f"kubernetes.{part}"
        sys.modules.setdefault(name, ModuleType(name))
