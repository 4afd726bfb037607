"""Why a pod does not get ready, in a sentence: read from its status, so that nobody has to look for it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pronote_operator.planning.base_status import Verdict

EXIT_REFUSED = 65
"""Exit code of `prepare` when the data plan cannot be carried out (sysexits EX_DATAERR)."""

SCHEDULING = dt.timedelta(minutes=3)
"""How long a pod may wait for a node without a word: volumes are bound meanwhile, and a cluster that gets a thousand
schools at once takes its time."""

_ORDINARY = frozenset({"PodInitializing", "ContainerCreating"})


def refused_plan(pod: Mapping[str, Any]) -> Verdict | None:
    """What `prepare` refused, if it did: its own words from the termination message."""
    for status in (pod.get("status") or {}).get("initContainerStatuses") or ():
        if status.get("name") != "prepare":
            continue
        # One that is at work again has not made up its mind anew: what it said last holds until it is done.
        ended = (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
        if ended.get("exitCode") != EXIT_REFUSED:
            continue
        said = _said(ended)
        return Verdict("DataPlanRefused", said or "prepare refused the data plan and left no message; see its log")
    return None


def trouble(pod: Mapping[str, Any] | None, now: dt.datetime) -> str | None:
    """What keeps the pod from getting ready; None when it is just starting. `now` is aware."""
    if pod is None:
        return None
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            if now - _time(condition.get("lastTransitionTime")) < SCHEDULING:
                return None
            return f"The pod cannot be scheduled: {condition.get('message', condition.get('reason', ''))}"
    return next(_container_troubles(status), None)


def _container_troubles(status: Mapping[str, Any]) -> Iterator[str]:
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for container in every:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason")
        if not reason or reason in _ORDINARY:
            continue
        ended = (container.get("lastState") or {}).get("terminated") or {}
        detail = f"exit code {ended['exitCode']}" if "exitCode" in ended else waiting.get("message", "")
        if container.get("name") == "prepare":
            detail = _said(ended) or detail
        yield f"Container {container.get('name')}: {reason}" + (f" ({detail})" if detail else "")


def _said(ended: Mapping[str, Any]) -> str | None:
    """Reason and message in the termination message of `prepare`."""
    try:
        told = json.loads(ended.get("message") or "")
        return f"{told['reason']}: {told['message']}"
    except (ValueError, KeyError, TypeError):
        return None


def _time(text: str | None) -> dt.datetime:
    return dt.datetime.fromisoformat(text) if text else dt.datetime.min.replace(tzinfo=dt.UTC)
