"""Removal of what killed runs and killed snapshots left."""

from __future__ import annotations

import os

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import Journal
from pronote_operator.prepare.volume import Layout, VolumeView

NAMES_TOLD = 20


def sweep(layout: Layout, volume: VolumeView, journal: Journal) -> None:
    """Remove a volume's waste and say so in the journal; nothing is written when there is none."""
    if not volume.waste:
        return
    names = [os.path.relpath(path, layout.root) for path in volume.waste]
    journal.append("sweep", removed=names[:NAMES_TOLD], count=len(names))
    for path in volume.waste:
        disk.remove_tree(path)
    for folder in (layout.own, layout.checkpoints):
        disk.sync_folder(folder)
