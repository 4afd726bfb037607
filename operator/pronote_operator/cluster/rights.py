"""Rights on Secrets, only where there are schools.

Cluster-wide rights on Secrets would let the operator list every Secret of the cluster. Instead a ClusterRole with those
rights is bound to the operator's own account in each namespace that holds a base, by the operator itself: it may bind
that one role (`bind` by resource name) and no other. The binding goes when the last base of the namespace is gone.
"""

from __future__ import annotations

import asyncio
import logging

from pronote_operator.api.constants import FIELD_MANAGER, LABEL_MANAGED_BY
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import ROLE_BINDINGS, SECRETS
from pronote_operator.errors import ApiError

logger = logging.getLogger(__name__)

BINDING = "pronote-operator-secrets"
SELECTOR = f"{LABEL_MANAGED_BY}={FIELD_MANAGER}"
PROPAGATION_SECONDS = 15.0


class SecretRights:
    """Grants and takes back the operator's rights on Secrets.

    Args:
        role: name of the ClusterRole to bind; empty when the rights are preset (namespaced mode).
        account: (namespace, name) of the operator's ServiceAccount.
    """

    def __init__(self, client: KubeClient, *, role: str, account: tuple[str, str]) -> None:
        self._client = client
        self._role = role
        self._account = account

    async def grant(self, namespace: str) -> None:
        """Have the rights in a namespace; returns when the authorizer knows them.

        Raises:
            TimeoutError: the binding was written, and the authorizer still says no.
        """
        if not self._role or await self._client.allowed("list", SECRETS, namespace):
            return
        binding = self._binding(namespace)
        try:
            await self._client.apply(binding)
        except ApiError as error:
            if error.status != 422:
                raise
            # It binds another role (of an operator that was installed under another name), which cannot be changed.
            await self._client.delete(ROLE_BINDINGS, namespace, BINDING)
            await self._client.apply(binding)
        logger.info("Rights on Secrets were bound in namespace %s.", namespace)
        async with asyncio.timeout(PROPAGATION_SECONDS):
            # Only the authorizer knows when it has heard of the binding, and it tells nobody: it is asked.
            while not await self._client.allowed("list", SECRETS, namespace):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    def _binding(self, namespace: str) -> Object:
        account_namespace, account = self._account
        return {
            "apiVersion": ROLE_BINDINGS.api_version,
            "kind": ROLE_BINDINGS.kind,
            "metadata": {"name": BINDING, "namespace": namespace, "labels": {LABEL_MANAGED_BY: FIELD_MANAGER}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": self._role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
        }

    async def revoke(self, namespace: str) -> None:
        """Give the rights back in a namespace without a base."""
        if self._role:
            await self._client.delete(ROLE_BINDINGS, namespace, BINDING)
            logger.info("Rights on Secrets were given back in namespace %s.", namespace)

    async def revoke_unused(self, namespaces_in_use: set[str]) -> None:
        """Give the rights back where the last base went while no operator ran."""
        if not self._role:
            return
        async for page in self._client.pages(ROLE_BINDINGS, None, selector=SELECTOR, metadata_only=True):
            for item in page["items"]:
                metadata = item["metadata"]
                if metadata["name"] == BINDING and metadata["namespace"] not in namespaces_in_use:
                    await self.revoke(metadata["namespace"])
