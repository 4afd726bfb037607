"""Lets the volumes of an expandable class grow, as a storage driver would.

A folder has no size of its own, so growing one is only a matter of saying so: when a claim asks for more than it has
(the API server allows that only where the class does), the volume's capacity follows, then the claim's.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tempfile
import time
from pathlib import Path

from local_cluster.api import Api, ApiError, Manifest

_CLAIMS = "/api/v1/persistentvolumeclaims"
_WATCH_SECONDS = 300
_RETRY_SECONDS = 2.0
_UNITS: dict[str, int] = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18} | {
    f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)
}


def quantity(text: str) -> float:
    """Bytes that a Kubernetes quantity stands for, for example "5Gi"."""
    found = re.fullmatch(r"([0-9.]+)([eE][0-9]+)?([a-zA-Z]*)", text)
    if not found:
        raise ValueError(f"not a quantity: {text!r}")
    return float(f"{found[1]}{found[2] or ''}") * _UNITS[found[3]]


def wanted_size(claim: Manifest) -> str | None:
    """The size a bound claim is to grow to; None when it has what it asks for."""
    requested = claim["spec"].get("resources", {}).get("requests", {}).get("storage")
    actual = claim.get("status", {}).get("capacity", {}).get("storage")
    if not (requested and actual and claim["spec"].get("volumeName")):
        return None
    return requested if quantity(requested) > quantity(actual) else None


def grow(api: Api, claim: Manifest) -> None:
    """Gives a claim the size it asks for."""
    size = wanted_size(claim)
    if not size:
        return
    capacity = {"capacity": {"storage": size}}
    api.patch(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}", {"spec": capacity})
    metadata = claim["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
    api.patch(path, {"status": capacity})


def follow(api: Api) -> None:
    """Looks at all claims, then at each that changes, until the server ends the watch."""
    listed = api.get(_CLAIMS)
    for claim in listed["items"]:
        grow(api, claim)
    version = listed["metadata"]["resourceVersion"]
    query = f"watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
    for event in api.watch(f"{_CLAIMS}?{query}", _WATCH_SECONDS + 30):
        if event["type"] in ("ADDED", "MODIFIED"):
            grow(api, event["object"])
        elif event["type"] == "ERROR":
            return


def main() -> None:
    """Runs for ever: a lost connection or a refused write is tried again."""
    content = json.loads(Path(sys.argv[1]).read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    with tempfile.TemporaryDirectory() as folder:
        for file, data in (
            ("ca.crt", cluster["certificate-authority-data"]),
            ("user.crt", user["client-certificate-data"]),
            ("user.key", user["client-key-data"]),
        ):
            (Path(folder) / file).write_bytes(base64.b64decode(data))
        api = Api(cluster["server"], Path(folder), "user")
    while True:
        try:
            follow(api)
        except ApiError as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(_RETRY_SECONDS)


if __name__ == "__main__":
    main()
