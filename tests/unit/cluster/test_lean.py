"""The operator's process holds nothing of the Kubernetes library that would block it."""

import subprocess
import sys

PROGRAM = """
import sys
from pronote_operator.cluster.lean import leave_out_what_is_not_used
leave_out_what_is_not_used()
import pronote_operator.process, kopf
from kubernetes.aio import client, config
from kubernetes.aio.leaderelection import leaderelection
assert client.ApiClient and config.load_kube_config and leaderelection.LeaderElection
unwanted = ("requests", "requests_oauthlib", "websocket", "kubernetes.client.api_client", "urllib3", "pydoc")
print(*sorted(name for name in unwanted if name in sys.modules))
"""


def test_the_synchronous_client_and_what_is_not_used_are_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


def test_too_late_it_changes_nothing() -> None:
    program = PROGRAM.replace("import sys\n", "import sys, kubernetes\n", 1)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "requests" in done.stdout.split()


def test_the_operator_runs_without_what_reads_command_lines() -> None:
    program = (
        "import sys\n"
        "sys.argv[1:] = ['run']\n"
        "from pronote_operator import running\n"
        "running.run_operator = lambda: print('typer' in sys.modules)\n"
        "from pronote_operator.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False"]
