"""Command line: python -m local_cluster build|images|up|gateway|down|status|load-image."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from local_cluster import addresses, build, debian, gateway, images, pins, targets
from local_cluster import options as instance_options
from local_cluster.cluster import Cluster
from local_cluster.errors import LocalClusterError
from local_cluster.paths import State, default_state
from local_cluster.progress import Progress

_EXTRAS = (gateway.NAME, "prometheus", "browser")
"""What only tests need: a gateway, a Prometheus (its program alone; nothing is started), Chromium."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    progress = Progress(quiet=parsed.quiet)
    try:
        _COMMANDS[parsed.command](parsed, progress)
    except LocalClusterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the same command carries on from here.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_cluster", description="A Kubernetes on this machine.")
    parser.add_argument("--state", type=Path, default=default_state(), help="state folder (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="report errors only")
    commands = parser.add_subparsers(dest="command", required=True)
    built = commands.add_parser("build", help="compile all programs that are missing, and fetch promtool")
    built.add_argument(
        "--with", dest="extras", nargs="+", default=[], choices=_EXTRAS, help="also what only tests need"
    )
    commands.add_parser("images", help="build the images of this project without Docker")
    up = commands.add_parser("up", help="start what does not run, then print the KUBECONFIG to use")
    up.add_argument("--fake", action="store_true", help="control plane with fake nodes, no root needed")
    up.add_argument("--api-only", action="store_true", help="etcd and API server alone")
    up.add_argument("--nodes", type=int, default=3, help="number of fake nodes (default: %(default)s)")
    served = commands.add_parser("gateway", help="have Traefik serve Ingress and Gateway API; `up` comes first")
    down = commands.add_parser("down", help="stop and remove what was started; all instances unless one is named")
    down.add_argument("--kind", action="store_true", help="delete the demonstration's kind cluster too")
    status = commands.add_parser("status", help="which processes run")
    load = commands.add_parser("load-image", help="import image archives into the real node")
    load.add_argument("images", nargs="+", metavar="TAR_OR_NAME", help="an archive, or: operator, server (built first)")
    for command, default in ((up, "real"), (served, "real"), (down, None), (status, None), (load, "real")):
        command.add_argument("--instance", default=default, help="name of the instance")
    return parser


def _build(parsed: argparse.Namespace, progress: Progress) -> None:
    state = State(parsed.state)
    names = [component.name for component in pins.COMPONENTS]
    if gateway.NAME in parsed.extras:
        names.append(gateway.NAME)
    if not build.build(state, progress, names):
        progress.say("Everything is compiled.")
    if "browser" in parsed.extras:
        debian.install(debian.missing_packages(pins.BROWSER_PACKAGES), progress)
    tools = ["promtool", *(["prometheus"] if "prometheus" in parsed.extras else [])]
    missing = {
        f"usr/bin/{name}": state.bin / name
        for name in tools
        if not shutil.which(name) and not (state.bin / name).exists()
    }
    if missing:
        debian.extract("prometheus", missing, progress)


def _up(parsed: argparse.Namespace, progress: Progress) -> None:
    name = "fake" if parsed.instance == "real" and (parsed.fake or parsed.api_only) else parsed.instance
    cluster = Cluster(
        parsed.state, name, fake=parsed.fake, api_only=parsed.api_only, nodes=parsed.nodes, progress=progress
    )
    cluster.up()
    print(f"export KUBECONFIG={cluster.kubeconfig}")


def _gateway(parsed: argparse.Namespace, progress: Progress) -> None:
    Cluster(parsed.state, parsed.instance, progress=progress).gateway()
    print(f"http://{addresses.NODE_IP}:{gateway.HTTP_PORT} https://{addresses.NODE_IP}:{gateway.HTTPS_PORT}")


def _down(parsed: argparse.Namespace, progress: Progress) -> None:
    for name in [parsed.instance] if parsed.instance else _instances(parsed.state):
        with progress.step(f"stopping {name}"):
            Cluster(parsed.state, name, progress=progress).down()
    if parsed.kind:
        targets.remove_kind()


def _status(parsed: argparse.Namespace, _progress: Progress) -> None:
    names = [parsed.instance] if parsed.instance else _instances(parsed.state)
    if not names:
        print("No instance. Start one: python -m local_cluster up")
    for name in names:
        cluster = Cluster(parsed.state, name)
        kind = "API only" if cluster.options.api_only else "fake" if cluster.options.fake else "real"
        print(f"{name} ({kind}) {cluster.server} KUBECONFIG={cluster.kubeconfig}")
        for process, pid in cluster.status().items():
            print(f"  {process:24} {pid or 'not running'}")


def _images(parsed: argparse.Namespace, progress: Progress) -> None:
    for path in images.build(State(parsed.state), progress):
        print(path)


def _load_image(parsed: argparse.Namespace, progress: Progress) -> None:
    cluster = Cluster(parsed.state, parsed.instance, progress=progress)
    for image in parsed.images:
        if image in images.KINDS:
            (path,) = images.build(cluster.state, progress, [image])
        elif Path(image).exists():
            path = Path(image)
        else:
            raise LocalClusterError(f"There is no archive {image}.", f"Known names: {', '.join(images.KINDS)}.")
        with progress.step(f"loading {path.name}"):
            loaded = cluster.load_images([path])
        progress.say("\n".join(loaded) or "already there")


def _instances(state: Path) -> list[str]:
    settings = sorted(State(state).runs.glob("*/instance.json"))
    return [path.parent.name for path in settings if instance_options.read(path)]


_COMMANDS = {
    "build": _build,
    "images": _images,
    "up": _up,
    "gateway": _gateway,
    "down": _down,
    "status": _status,
    "load-image": _load_image,
}
