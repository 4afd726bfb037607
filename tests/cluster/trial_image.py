"""An image of the reference server that does not start for one school: a release that is bad for few.

It is the image of a release with another name, and with a program of that school's before the server's own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from local_cluster import Cluster, images
from local_cluster.archive import Entry, write_archive, write_layer
from local_cluster.progress import Progress

REFUSED_UAI = "0750654D"
"""Of the school that the image of these tests does not start for."""
FOLDER = "opt/pronote/trial"
REFUSAL = "This release cannot open the base of this school."
_PROGRAM = f"""\
#!/usr/bin/python3
import os, sys

if os.environ.get("PRONOTE_UAI") == os.environ["TRIAL_UAI"]:
    sys.exit({REFUSAL!r})
os.execv("/opt/pronote/bin/pronote-server", sys.argv)
"""


def load_trial_image(cluster: Cluster, folder: Path, *, version: str, uai: str) -> str:
    """Have an image on the node whose server ends at once where the school has this UAI.

    Args:
        folder: for files.
        version: of the release that it is but for that.

    Returns:
        its name.
    """
    kind = images.KINDS["server"]
    quiet = Progress(quiet=True)
    usual = images.spec(kind, version)
    spec = replace(
        usual,
        name=f"{usual.name}-trial-{uai.lower()}",
        environment={**usual.environment, "PATH": f"/{FOLDER}:{usual.environment['PATH']}", "TRIAL_UAI": uai},
    )
    program = Entry(f"{FOLDER}/pronote-server", _PROGRAM.encode(), 0o755)
    top = write_layer(folder / "trial.tar", [program], f"refuses {uai}")
    archive = folder / "image.tar"
    write_archive(archive, [spec], [*images.layers(cluster.state, kind, quiet), top])
    cluster.load_images([archive])
    archive.unlink()
    return spec.name
