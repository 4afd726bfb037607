"""Run by `helm test`: the operator answers, and the five kinds are served.

Needs no right beyond what every authenticated ServiceAccount has (API discovery).
"""

import json
import os
import pathlib
import ssl
import sys
import urllib.request

KINDS = {"PronoteBase", "Publication", "CasDelegation", "BackupPolicy", "VersionChannel"}
"""What the group pronote.hosting/v1alpha1 must serve."""

ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")


def served_kinds() -> set[str]:
    """The kinds that the API server lists in the group, subresources left out."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"https://{host}:{port}/apis/pronote.hosting/v1alpha1",
        headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"},
    )
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310
        return {item["kind"] for item in json.load(answer)["resources"] if "/" not in item["name"]}


def main() -> int:
    """0 when both checks pass; what failed is said on stderr."""
    with urllib.request.urlopen(os.environ["READYZ"], timeout=10) as answer:  # noqa: S310
        sys.stdout.write(f"{os.environ['READYZ']}: {answer.status}\n")
    missing = KINDS - served_kinds()
    if missing:
        sys.stderr.write(f"not served by the API server: {', '.join(sorted(missing))}\n")
        return 1
    sys.stdout.write(f"served: {', '.join(sorted(KINDS))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
