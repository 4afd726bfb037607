"""A Kubernetes on one machine without Docker: real, with one node, or a control plane with fake nodes."""

from local_cluster.cluster import Cluster
from local_cluster.errors import LocalClusterError

__all__ = ["Cluster", "LocalClusterError"]
