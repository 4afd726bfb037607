"""Somebody at a terminal with kubectl and the plugin on the PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.schools import School


@dataclass(frozen=True)
class Person:
    """Runs commands about one base.

    Args:
        kubeconfig: whose rights they have; None: the administrator's.
    """

    school: School
    kubeconfig: Path | None = None

    def pronote(self, command: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command about the base.

        Raises:
            AssertionError: it did not end with this code.
        """
        school = self.school
        programs = [school.cluster.state.bin, Path(sys.executable).parent]
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            "KUBECONFIG": str(self.kubeconfig or school.cluster.kubeconfig),
        }
        done = subprocess.run(
            ["kubectl", "pronote", command, school.name, *arguments, "--namespace", school.namespace],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def told(self, command: str, *arguments: str) -> dict[str, Any]:
        """What a command tells programs."""
        answer: dict[str, Any] = json.loads(self.pronote(command, *arguments, "--output", "json").stdout)
        return answer


def with_rights(school: School, name: str, rules: Sequence[dict[str, Any]], folder: Path) -> Person:
    """A person who has these rights in the school's namespace, and no other.

    Args:
        name: of their account; the same name again changes the rights.
        folder: for their kubeconfig.
    """
    space = school.namespace
    metadata = {"name": name, "namespace": space}
    binding = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
    }
    rbac = "rbac.authorization.k8s.io/v1"
    school.kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    school.kube.apply({"apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": list(rules)})
    school.kube.apply({"apiVersion": rbac, "kind": "RoleBinding", "metadata": metadata, **binding})
    token = school.cluster.kubectl("create", "token", name, "-n", space).strip()
    config = yaml.safe_load(school.cluster.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return Person(school, path)
