"""The demonstration: a school in service from nothing, and a Client that logs in to it.

python -m local_cluster.demo
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local_cluster import targets
from local_cluster.errors import LocalClusterError
from local_cluster.paths import PROJECT_ROOT, State, default_state
from local_cluster.progress import Progress

OPERATOR_NAMESPACE = "pronote-system"
RELEASE = "pronote-operator"
SAMPLE = PROJECT_ROOT / "manifests" / "samples" / "one-school.yaml"
NAMESPACE, BASE = "schools", "jean-moulin"
CLIENT_PORT, METRICS_PORT = 49300, 8080
READY_SECONDS = 180
_LOGINS = 'pronote_logins_total{application="Client",espace="",mode="administratif",result="success"}'


class Demo:
    """The steps of the demonstration, each repeatable.

    Args:
        state: the state folder.
        target: the cluster.
        progress: told every step.
    """

    def __init__(self, state: State, target: targets.Target, progress: Progress) -> None:
        self._state, self._target, self._progress = state, target, progress
        self._folder = state.root / "demo"

    def run(self) -> None:
        """From nothing to a Client's login in the metrics of its base.

        Raises:
            LocalClusterError: a step failed; says which and why.
        """
        changed = self._target.prepare()
        try:
            self._install_operator(changed)
            self._apply_sample()
            base = self._wait_until_ready()
            self._log_in(base)
            self._show_metrics()
        except LocalClusterError as error:
            raise LocalClusterError(str(error), self._diagnosis()) from error
        self._progress.say("\n$ kubectl get pronote -A")
        print(self._kubectl("get", "pronote", "--all-namespaces"), flush=True)
        print(f"export KUBECONFIG={self._target.kubeconfig} PATH={self._state.bin}:$PATH", flush=True)

    def _install_operator(self, changed: bool) -> None:
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": OPERATOR_NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
        self._kubectl("apply", "--filename=-", stdin=json.dumps(namespace))
        chart = PROJECT_ROOT / "charts" / "pronote-operator"
        before = self._program("helm", "list", "--namespace", OPERATOR_NAMESPACE, "--short").split()
        with self._progress.step("operator installed by its chart"):
            self._program(
                *("helm", "upgrade", "--install", RELEASE, str(chart), "--namespace", OPERATOR_NAMESPACE),
                *("--set", "image.repository=localhost/pronote-operator", "--set", "image.tag=dev"),
                # CustomResourceDefinitions may be there already, from `kubectl apply` or from another release.
                *("--take-ownership", "--wait", "--timeout", "3m"),
            )
            if changed and RELEASE in before:  # the same tag names another image now
                deployment = f"deployment/{RELEASE}"
                self._kubectl("--namespace", OPERATOR_NAMESPACE, "rollout", "restart", deployment)
                self._kubectl("--namespace", OPERATOR_NAMESPACE, "rollout", "status", deployment, "--timeout=180s")

    def _apply_sample(self) -> None:
        self._progress.say(f"\n$ kubectl apply -f {SAMPLE.relative_to(PROJECT_ROOT)}")
        self._progress.say(self._kubectl("apply", f"--filename={SAMPLE}").rstrip())

    def _wait_until_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + READY_SECONDS
        seen = [""]
        with self._progress.step(f"{BASE} in service", lambda: seen[0]):
            while time.monotonic() < deadline:
                base: dict[str, Any] = json.loads(
                    self._kubectl("--namespace", NAMESPACE, "get", "pronotebase", BASE, "--output=json")
                )
                if is_ready(base):
                    return base
                seen[0] = condition_text(base)
                if condition(base, "Stalled").get("status") == "True":
                    raise LocalClusterError(f"{BASE} cannot be brought in service: {seen[0]}")
                time.sleep(0.3)
        raise LocalClusterError(f"{BASE} is not ready after {READY_SECONDS} s: {seen[0]}")

    def _log_in(self, base: dict[str, Any]) -> None:
        status = base["status"]
        parameters = self._object("configmap", status["endpoints"]["parametersConfigMap"])["data"]["parameters.json"]
        secret = self._object("secret", status["superAdminSecretName"])["data"]
        username = base64.b64decode(secret["username"]).decode()
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "parameters.json"
        file.write_text(parameters)
        with self._target.reach(NAMESPACE, f"{BASE}-client", CLIENT_PORT) as address:
            self._client("apply-parameters", str(file))
            self._client(
                *("login", "--mode", "administratif", "--username", username, "--connect", address),
                "--password-stdin",
                stdin=base64.b64decode(secret["password"]).decode(),
            )
            self._client("whoami")
            self._client("connections")

    def _show_metrics(self) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{BASE}-0:{METRICS_PORT}/proxy/metrics"
        lines = self._kubectl("get", "--raw", path).splitlines()
        wanted = ("pronote_info{", "pronote_logins_total{", "pronote_connections{", "pronote_licences_used{")
        shown = [line for line in lines if line.startswith(wanted) and not line.endswith(" 0.0")]
        self._progress.say("\nMetrics of the base:")
        self._progress.say("\n".join(shown))
        if not any(_labels(line) == _labels(_LOGINS) and float(line.split()[-1]) >= 1 for line in lines):
            raise LocalClusterError("The login is not in the metrics of the base.", "\n".join(shown))

    def _client(self, *arguments: str, stdin: str | None = None) -> None:
        self._progress.say(f"\n$ pronote-client {' '.join(arguments)}")
        program = Path(sys.executable).with_name("pronote-client")
        environment = {**os.environ, "PRONOTE_PROFILE_DIR": str(self._folder / "profile")}
        done = subprocess.run(
            [str(program), *arguments], env=environment, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LocalClusterError(f"pronote-client {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        self._progress.say(done.stdout.rstrip())

    def _object(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._kubectl("--namespace", NAMESPACE, "get", kind, name, "--output=json"))
        return found

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._program("kubectl", *arguments, stdin=stdin)

    def _program(self, name: str, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [targets.program(self._state, name), *arguments],
            env={**os.environ, "KUBECONFIG": str(self._target.kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LocalClusterError(f"`{name} {' '.join(arguments[:4])} …` failed: {done.stderr.strip()}")
        return done.stdout

    def _diagnosis(self) -> str:
        """What helps to find the fault: conditions, pods, events, the end of the logs."""
        looks = (
            ("get", "pronote", "--all-namespaces"),
            ("--namespace", NAMESPACE, "get", "pronotebase", BASE, "--output=jsonpath={.status.conditions}"),
            ("--namespace", OPERATOR_NAMESPACE, "get", "pods", "--output=wide"),
            ("--namespace", NAMESPACE, "get", "pods,persistentvolumeclaims", "--output=wide"),
            ("--namespace", NAMESPACE, "get", "events", "--sort-by=.lastTimestamp"),
            ("--namespace", OPERATOR_NAMESPACE, "logs", f"deployment/{RELEASE}", "--tail=25"),
            ("--namespace", NAMESPACE, "logs", f"{BASE}-0", "--all-containers", "--prefix", "--tail=15"),
        )
        parts = []
        for arguments in looks:
            try:
                answer = self._kubectl(*arguments)
            except LocalClusterError as error:
                answer = error.message
            parts.append(f"$ kubectl {' '.join(arguments)}\n{answer.rstrip()}")
        return "\n\n".join(["", *parts])


def condition(base: dict[str, Any], name: str) -> dict[str, Any]:
    """A condition of a base; empty when it has none of that type."""
    conditions: list[dict[str, Any]] = base.get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == name), {})


def is_ready(base: dict[str, Any]) -> bool:
    """Whether a base is ready, and the status speaks of its present spec."""
    current = base.get("status", {}).get("observedGeneration") == base["metadata"]["generation"]
    return bool(current and condition(base, "Ready").get("status") == "True")


def condition_text(base: dict[str, Any]) -> str:
    """What the conditions say of a base that is not ready."""
    for name in ("Stalled", "Ready"):
        found = condition(base, name)
        if found and (name == "Ready" or found["status"] == "True"):
            return f"{found.get('reason', '')}: {found.get('message', '')}"
    return "no status yet"


def _labels(line: str) -> tuple[str, frozenset[str]]:
    """A sample's name and labels, in no order."""
    name, _, rest = line.partition("{")
    return name, frozenset(rest.partition("}")[0].split(","))


def main() -> int:
    """Runs the demonstration; returns the exit code."""
    progress = Progress()
    state = State(default_state())
    started = time.monotonic()
    try:
        Demo(state, targets.choose(state, progress), progress).run()
    except LocalClusterError as error:
        print(error, file=sys.stderr)
        return 1
    progress.say(f"\nDone in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
