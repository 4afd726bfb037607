"""Puts Python packages into an image; run by the image's own Python, in a Dockerfile or in the Docker-less build.

base ROOT                   what Debian's Python and our user need in a root file system
dependencies TARGET         make TARGET, which holds installed libraries, a virtual environment
code TARGET SOURCE PACKAGE… install our packages, found in the checkout SOURCE, with their console scripts

Everything is compiled here: an image runs on a read-only root, where Python could not keep what it compiles. The
bytecode is not checked against its source at start-up (it cannot change), and holds no date, so that the same input
gives the same image.
"""

import argparse
import compileall
import py_compile
import shutil
import sys
import tomllib
from pathlib import Path

FINAL = Path("/opt/pronote")
SITE = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
USER, UID = "pronote", 10001

SCRIPT = """\
#!{python}
import sys

from {module} import {function}

sys.exit({function}())
"""


def base(root: Path) -> None:
    """The user, the trusted authorities, and Python's own library compiled."""
    etc = root / "etc"
    for name, line in (
        ("passwd", f"{USER}:x:{UID}:{UID}::/nonexistent:/usr/sbin/nologin\n"),
        ("group", f"{USER}:x:{UID}:\n"),
    ):
        path = etc / name
        known = path.read_text() if path.exists() else ""
        if f"{USER}:" not in known:
            path.write_text(known + line)
    authorities = etc / "ssl" / "certs" / "ca-certificates.crt"
    if not authorities.exists():  # a root file system without maintainer scripts
        authorities.parent.mkdir(parents=True, exist_ok=True)
        found = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
        authorities.write_bytes(b"".join(certificate.read_bytes() for certificate in found))
    for library in ("usr/lib/python3", f"usr/lib/{SITE.parent.name}"):
        compile_tree(root / library, Path("/") / library)


def dependencies(target: Path) -> None:
    """A virtual environment around installed libraries: Debian's own Python packages (those of borg) stay out of it."""
    shutil.rmtree(target / SITE / "bin", ignore_errors=True)  # their scripts name the Python that installed them
    programs = target / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    python = programs / "python"
    python.unlink(missing_ok=True)
    python.symlink_to("/usr/bin/python3")
    (target / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    compile_tree(target / SITE, FINAL / SITE)


def code(target: Path, source: Path, packages: list[Path]) -> None:
    """Our packages, their console scripts, and what `importlib.metadata` tells of them."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    site, programs = target / SITE, target / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for package in packages:
        destination = site / package.name
        shutil.rmtree(destination, ignore_errors=True)
        shutil.copytree(source / package, destination, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        compile_tree(destination, FINAL / SITE / package.name)
    names = {package.name for package in packages}
    entries = {name: entry for name, entry in project["scripts"].items() if entry.partition(".")[0] in names}
    for name, entry in entries.items():
        module, _, function = entry.partition(":")
        script = programs / name
        script.write_text(SCRIPT.format(python=FINAL / "bin" / "python", module=module, function=function))
        script.chmod(0o755)
    information = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (information / "METADATA").write_text(metadata)


def compile_tree(folder: Path, seen_as: Path) -> None:
    """Compiles a folder of modules.

    Args:
        folder: where it is now.
        seen_as: where it will be: the path in tracebacks.
    """
    compileall.compile_dir(
        folder,
        ddir=str(seen_as),
        quiet=2,  # libraries carry files for other versions of Python, which do not compile
        force=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def main() -> None:
    """Runs one of the three steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("base", "dependencies", "code"))
    parser.add_argument("target", type=Path)
    parser.add_argument("more", nargs="*", type=Path, help="of code: source, then packages")
    given = parser.parse_args()
    if given.step == "base":
        base(given.target)
    elif given.step == "dependencies":
        dependencies(given.target)
    else:
        source, *packages = given.more
        code(given.target, source, packages)


if __name__ == "__main__":
    main()
