"""What the measurements of one run share: the control plane, a hand at it, the operator, who is told of progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Figure
from bench.hand import Hand
from bench.machine import load
from local_cluster import Cluster
from local_cluster.progress import Progress
from tests.support.operator_process import OperatorProcess

OPERATOR_IMAGE = "localhost/pronote-operator:dev"


@dataclass
class Stage:
    """One run.

    Args:
        bases: how many.
        folder: for the operator's logs.
        within: seconds that a wait for all bases may take.
    """

    cluster: Cluster
    hand: Hand
    bases: int
    folder: Path
    progress: Progress
    within: float
    figures: list[Figure] = field(default_factory=list)
    loads: dict[str, float] = field(default_factory=dict)
    doing: str = ""

    def operator(self, *, kubeconfig: Path | None = None) -> OperatorProcess:
        """A replica that is not started yet, as the chart would set it up for the whole cluster."""
        return OperatorProcess(
            kubeconfig or self.cluster.kubeconfig, self.folder, settings={"image": OPERATOR_IMAGE, "log_level": "INFO"}
        )

    def tell(self, text: str) -> None:
        """What is shown beside the step that is under way."""
        self.doing = text

    def note_load(self, key: str) -> None:
        """Keep the load average beside the figures of a letter."""
        self.loads[key] = load()
