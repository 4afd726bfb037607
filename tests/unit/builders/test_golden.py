"""Every manifest of some typical bases, as it is: a change of a builder shows as a change of these files.

PRONOTE_REGENERATE_GOLDEN=1 writes the `.out.yaml` files anew; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from pronote_operator.builders.names import ANNOTATION_POD_TEMPLATE
from tests.unit.builders.children import children, context

FOLDER = Path(__file__).parent / "golden"
CASES = sorted(path.name.removesuffix(".in.yaml") for path in FOLDER.glob("*.in.yaml"))


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _readable(manifests: list[dict[str, Any]]) -> str:
    """YAML of the manifests; the stored copy of the pod template, which is checked here, is left out."""
    plain = json.loads(json.dumps(manifests))
    for manifest in plain:
        stored = manifest["metadata"].get("annotations", {}).pop(ANNOTATION_POD_TEMPLATE, None)
        if stored is not None:
            assert json.loads(stored.partition(" ")[2]) == manifest["spec"]["template"]
    return yaml.dump_all(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def test_there_are_cases() -> None:
    assert len(CASES) >= 4


@pytest.mark.parametrize("case", CASES)
def test_the_manifests_are_those_of_the_golden_file(case: str) -> None:
    given = yaml.safe_load((FOLDER / f"{case}.in.yaml").read_text(encoding="utf-8"))
    built = _readable(children(context(**given)))
    golden = FOLDER / f"{case}.out.yaml"
    if os.environ.get("PRONOTE_REGENERATE_GOLDEN") == "1":
        golden.write_text(built, encoding="utf-8")
    assert built == golden.read_text(encoding="utf-8")
