"""Writes docs/reference/settings.md from the settings class, which is the only place where settings are described."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pronote_operator.settings import Settings

_HEAD = """# Settings of the operator

Generated from `pronote_operator/settings.py` (`make generate`). The chart sets each of them from its values.

| variable | default | what it is |
|---|---|---|
"""


def settings_reference() -> str:
    """The page, as Markdown."""
    prefix = Settings.model_config.get("env_prefix", "")
    rows = []
    for name, field in Settings.model_fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        shown = f"`{default}`" if default else "(empty)"
        rows.append(f"| `{prefix}{name.upper()}` | {shown} | {field.description} |\n")
    return _HEAD + "".join(rows)


def main() -> None:
    """Write the page, or with `--check` compare it with the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="fail if the file is not what would be written")
    arguments = parser.parse_args()
    wanted = settings_reference()
    if not arguments.check:
        arguments.file.write_text(wanted, encoding="utf-8")
    elif not arguments.file.exists() or arguments.file.read_text(encoding="utf-8") != wanted:
        sys.exit(f"{arguments.file} is not up to date: run make generate")


if __name__ == "__main__":
    main()
