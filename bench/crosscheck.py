"""(b) again, counted by somebody else: a proxy in front of the API server sees what the operator really sends."""

from __future__ import annotations

import re
from collections import Counter

from bench import schools, watching
from bench.counters import read
from bench.creation import WRITES_GOAL
from bench.figures import Figure
from bench.plane import create_bases
from bench.stage import Stage
from tests.support.faultproxy import FaultProxy
from tests.support.requestlog import WRITE_METHODS, Record

MORE = 20
"""Bases that are created for it."""

_RESOURCE = re.compile(r"/(?:api/v1|apis/[^/]+/[^/]+)/(?:namespaces/[^/]+/)?([a-z]+)(?:/[^/]+(?:/([a-z]+))?)?$")


async def measure(stage: Stage) -> None:
    """Run an operator behind the proxy, and create a few more bases. No other operator may run."""
    with FaultProxy(stage.cluster.kubeconfig, count_events=True) as proxy:
        kubeconfig = proxy.write_kubeconfig(stage.folder / "proxy.kubeconfig")
        operator = stage.operator(kubeconfig=kubeconfig)
        with operator, stage.progress.step(f"(b) {MORE} more bases behind a counting proxy", lambda: stage.doing):
            await watching.wait_leading(operator, within=90)
            await watching.settle(operator, stage.bases, within=stage.within)
            proxy.clear()
            before = await read(operator)
            await create_bases(stage.hand, schools.schools(MORE, first=stage.bases))
            settled = await watching.settle(operator, stage.bases + MORE, within=stage.within, tell=stage.tell)
            seen = Counter(
                what for record in proxy.records if record.method in WRITE_METHODS and (what := written(record))
            )
    leases = sum(count for what, count in seen.items() if what.endswith(" leases"))
    channel = seen["PATCH versionchannels/status"]
    total = sum(seen.values()) - leases - channel
    counted = settled.since(before)
    stage.figures.append(
        Figure(
            "b",
            f"the same for {MORE} more bases, counted by a proxy",
            total / MORE,
            goal=WRITES_GOAL,
            note=f"{total}, and {channel} of the VersionChannel; the operator counted {counted.writes} itself",
            details=dict(sorted(seen.items())),
        )
    )


def written(record: Record) -> str:
    """A write in a word, such as `PATCH pronotebases/status`; empty for a path of another form."""
    found = _RESOURCE.fullmatch(record.path)
    if found is None:
        return ""
    resource, subresource = found.groups()
    return f"{record.method} {resource}" + (f"/{subresource}" if subresource else "")
