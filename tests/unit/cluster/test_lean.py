"""The operator's process holds nothing of the Kubernetes library that would block it."""

import subprocess
import sys

PROGRAM = """
import sys
from pronote_operator.cluster.lean import leave_out_synchronous_client
leave_out_synchronous_client()
import pronote_operator.process, kopf
from kubernetes.aio import client, config
from kubernetes.aio.leaderelection import leaderelection
assert client.ApiClient and config.load_kube_config and leaderelection.LeaderElection
print(*sorted(name for name in ("requests", "requests_oauthlib", "websocket", "kubernetes.client.api_client")
              if name in sys.modules))
"""


def test_the_synchronous_client_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


def test_too_late_it_changes_nothing() -> None:
    program = PROGRAM.replace("import sys\n", "import sys, kubernetes\n", 1)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "requests" in done.stdout.split()
