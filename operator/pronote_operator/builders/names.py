"""Names and labels of the children of a base: fixed for good, because volumes and keys outlive the base."""

from __future__ import annotations

from dataclasses import dataclass

from pronote_operator.api.constants import ANNOTATION_SCHOOL_YEAR as ANNOTATION_SCHOOL_YEAR
from pronote_operator.api.constants import ANNOTATION_UAI as ANNOTATION_UAI
from pronote_operator.api.constants import APP_NAME, FIELD_MANAGER, GROUP
from pronote_operator.api.constants import LABEL_BASE as LABEL_BASE
from pronote_operator.api.constants import LABEL_MANAGED_BY as LABEL_MANAGED_BY
from pronote_operator.api.constants import LABEL_NAME as LABEL_NAME
from pronote_operator.api.constants import LABEL_PUBLICATION as LABEL_PUBLICATION

MANAGED_BY = FIELD_MANAGER
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_VERSION = f"{GROUP}/version"
"""On the pod: the version of the release that it runs."""
COMPONENT_SERVER = "server"
COMPONENT_WEB = "web"

ANNOTATION_ROLL_INPUTS = f"{GROUP}/roll-inputs"
ANNOTATION_POD_TEMPLATE = f"{GROUP}/pod-template"
ANNOTATION_RESTORE = f"{GROUP}/restore"
"""On the StatefulSet: request id and snapshot of the restore that its pod template asks for."""
ANNOTATION_ROLL = f"{GROUP}/roll"
"""On the StatefulSet: the roll for which its pod template was last changed, as in the status, which may be lost."""
ANNOTATION_RESTORED = f"{GROUP}/restored"
"""On the snapshots volume's claim: request id, result and end of the last restore. The journal of the data volume knows
them too, but is lost with it."""
ANNOTATION_LOADED = f"{GROUP}/loaded"
"""On the data volume's claim, `"true"`: a server was in service on it, so that its source is not needed any more."""

DATA_PLAN_VARIABLE = "PRONOTE_DATA_PLAN"
"""Of the environment of `prepare`."""

SUPERADMIN_KEYS = ("username", "password")
TLS_KEYS = ("tls.crt", "tls.key", "ca.crt")
"""What a pod gets to see of the TLS Secret: never the key of the authority."""
AUTHORITY_KEY = "ca.crt"
CA_KEY = "ca.key"
AGENT_TOKEN_KEY = "token"  # noqa: S105 (a key's name)
SNAPSHOT_KEY_KEY = "passphrase"
NET_TOKEN_KEY = "token"  # noqa: S105 (a key's name)
NET_KEYS = (NET_TOKEN_KEY, "verifier-key")
"""Of the Secret for PRONOTE.net; its replicas get to see the token alone."""
SETTINGS_KEY = "settings.json"
PARAMETERS_KEY = "parameters.json"
SITE_KEY = "site.json"
_SITE = "-site"

CLIENT_PORT = 49300
METRICS_PORT = 8080
AGENT_PORT = 8443
NET_PORT = 8444
"""Of the server, for the replicas of PRONOTE.net."""
ADMIN_PORT = 8081
"""The server's admin API, on loopback only."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the children of one base."""

    base: str

    @property
    def data_claim(self) -> str:
        return f"{self.base}-data"

    @property
    def snapshots_claim(self) -> str:
        return f"{self.base}-snapshots"

    @property
    def superadmin_secret(self) -> str:
        """The Secret that the operator makes when the spec names none."""
        return f"{self.base}-superadmin"

    @property
    def tls_secret(self) -> str:
        return f"{self.base}-tls"

    @property
    def agent_secret(self) -> str:
        return f"{self.base}-agent"

    @property
    def snapshot_key_secret(self) -> str:
        return f"{self.base}-snapshot-key"

    @property
    def net_secret(self) -> str:
        return f"{self.base}-net"

    @property
    def site(self) -> str:
        """The ConfigMap with what is published; it belongs to the Publication."""
        return f"{self.base}{_SITE}"

    @property
    def settings(self) -> str:
        return f"{self.base}-settings"

    @property
    def parameters(self) -> str:
        return f"{self.base}-parameters"

    @property
    def client_service(self) -> str:
        return f"{self.base}-client"

    @property
    def agent_service(self) -> str:
        return f"{self.base}-agent"

    @property
    def network_policy(self) -> str:
        return self.base

    @property
    def statefulset(self) -> str:
        return self.base

    @property
    def pod(self) -> str:
        return f"{self.base}-0"


def base_of_site(configmap: str) -> str | None:
    """The base whose site document a ConfigMap of this name holds; None when it is named otherwise."""
    base = configmap.removesuffix(_SITE)
    return base if base and base != configmap else None


@dataclass(frozen=True, slots=True)
class WebNames:
    """The names of the children of one publication, but for the ConfigMap, which is named by the base."""

    publication: str

    @property
    def web(self) -> str:
        """All of them, for no two are of one kind."""
        return f"{self.publication}-web"


def child_labels(base: str) -> dict[str, str]:
    """The labels of every child; nothing is copied from the base's own labels."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_NAME: APP_NAME, LABEL_BASE: base}


def server_selector(base: str) -> dict[str, str]:
    """What selects the server's pod, and no other pod of the same base; immutable in a StatefulSet."""
    return {LABEL_NAME: APP_NAME, LABEL_BASE: base, LABEL_COMPONENT: COMPONENT_SERVER}


def web_selector(publication: str) -> dict[str, str]:
    """What selects the replicas of a publication; immutable in a Deployment, unlike the base, which is left out."""
    return {LABEL_NAME: APP_NAME, LABEL_PUBLICATION: publication, LABEL_COMPONENT: COMPONENT_WEB}


def replicas_of(base: str) -> dict[str, str]:
    """What selects the replicas of PRONOTE.net in front of a base, whatever their publication is called."""
    return {LABEL_NAME: APP_NAME, LABEL_BASE: base, LABEL_COMPONENT: COMPONENT_WEB}
