"""The image of the cluster's own small program: pods' sandboxes, and folders for volumes."""

from __future__ import annotations

from pathlib import Path

from local_cluster import archive
from local_cluster.configs import NODE_TOOLS_IMAGE
from local_cluster.host import architecture
from local_cluster.paths import State


def image(state: State) -> Path:
    """The archive of the image; written when the program is newer.

    Args:
        state: where the compiled program is.
    """
    program, path = state.bin / "node-tools", state.images / "node-tools.tar"
    if not path.exists() or path.stat().st_mtime_ns < program.stat().st_mtime_ns:
        entries = [archive.Entry("node-tools", program.read_bytes(), 0o555)]
        layer = archive.write_layer(state.images / "node-tools.layer.tar", entries, "node-tools")
        archive.write_archive(path, [archive.ImageSpec(NODE_TOOLS_IMAGE, architecture(), ["/node-tools"])], [layer])
    return path
