"""The commands around snapshots: show them, ask for one more, restore one."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated

import typer

from pronote_operator.cli.asking import Namespace, ask, explain, refuse


class Output(StrEnum):
    """How snapshots are shown."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Base = Annotated[str, typer.Argument(help="Name of a base.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait: 90s, 15m, 1h.")]

_TO_COMMIT = """\
Nothing is changed yet. Put spec.restore into the manifest of base {base} and apply it; or give --apply.
The server stops for the time of the restore, and a snapshot of what it holds now is taken first."""

_CONFLICT = """\
spec.restore is held by another tool, which would put its own value back: {message}
Commit the YAML above where that tool reads it, or take the field over with --force-conflicts"""


def snapshots(
    base: Base,
    namespace: Namespace = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to show them.")] = Output.TABLE,
) -> None:
    """Show the snapshots of a base, how the schedule goes, and when the next is due."""
    import json

    import yaml
    from rich.console import Console

    from pronote_operator.cli.queries import one_base
    from pronote_operator.cli.snapshot_tables import snapshot_report, snapshot_table

    found = ask(lambda client, current: one_base(client, namespace or current, base))
    if output is Output.TABLE:
        Console().print(snapshot_table(found))
    elif output is Output.JSON:
        typer.echo(json.dumps(snapshot_report(found), indent=2, ensure_ascii=False))
    else:
        typer.echo(yaml.safe_dump(snapshot_report(found), sort_keys=False, allow_unicode=True), nl=False)


def backup(
    base: Base,
    namespace: Namespace = None,
    archive: Annotated[bool, typer.Option("--archive", help="With the annexes, kept like the archives.")] = False,
    wait: Wait = True,
    timeout: Timeout = "15m",
) -> None:
    """Take an extra snapshot of a base now, kept like those of its kind."""
    from pronote_operator.api.constants import ANNOTATION_SNAPSHOT_REQUEST
    from pronote_operator.api.snapshots import SnapshotKind
    from pronote_operator.cli.queries import one_base
    from pronote_operator.cli.requests import (
        FIELD_MANAGER,
        BackupRequest,
        Outcome,
        backup_outcome,
        backup_progress,
        backup_request,
    )
    from pronote_operator.cli.waiting import seconds, settled
    from pronote_operator.cluster.client import KubeClient
    from pronote_operator.cluster.kinds import BASES

    kind = SnapshotKind.ARCHIVE if archive else SnapshotKind.BACKUP

    async def asked(client: KubeClient, current: str) -> tuple[BackupRequest, Outcome | None]:
        space, patience = namespace or current, seconds(timeout)
        before = await one_base(client, space, base)
        request = backup_request(before, kind, dt.datetime.now(dt.UTC), dt.timedelta(seconds=patience))
        if request.joined:
            explain(f"Snapshot {request.name} was asked for already.")
        else:
            await client.annotate_as(FIELD_MANAGER, BASES, space, base, {ANNOTATION_SNAPSHOT_REQUEST: request.name})
            instead = f", instead of {request.replaced}, which was not begun" if request.replaced else ""
            explain(f"Asked for snapshot {request.name} of base {base}{instead}.")
        if not wait:
            return request, None
        outcome = await settled(
            client,
            space,
            base,
            title=request.name,
            judge=lambda now: backup_outcome(now, request.name),
            stage=backup_progress,
            patience=patience,
        )
        return request, outcome

    request, outcome = ask(asked)
    if outcome:
        if not outcome.good:
            refuse(outcome.message)
        explain(f"Done: {outcome.message}.")
        typer.echo(request.name)
    elif wait:
        refuse(
            f"snapshot {request.name} is not there after {timeout}. The request stands; later: "
            f"kubectl pronote snapshots {base}"
        )
    else:
        typer.echo(request.name)


def restore(
    base: Base,
    snapshot: Annotated[str, typer.Argument(help="Name of a snapshot: kubectl pronote snapshots BASE.")],
    namespace: Namespace = None,
    request_id: Annotated[
        str | None,
        typer.Option("--request-id", help="Name of the request; each is carried out once. Default: the time."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Send it, and do not just print it.")] = False,
    force: Annotated[
        bool, typer.Option("--force-conflicts", help="With --apply: also when another tool holds spec.restore.")
    ] = False,
    wait: Wait = True,
    timeout: Timeout = "15m",
) -> None:
    """Print the YAML that restores a snapshot, to be committed; with --apply, send it and wait for the result."""
    import yaml

    from pronote_operator.cli.queries import RefusedError, one_base
    from pronote_operator.cli.requests import (
        FIELD_MANAGER,
        Outcome,
        RestoreRequest,
        restore_manifest,
        restore_outcome,
        restore_progress,
        restore_request,
    )
    from pronote_operator.cli.waiting import seconds, settled
    from pronote_operator.cluster.client import KubeClient
    from pronote_operator.cluster.kinds import BASES
    from pronote_operator.errors import ApiError

    async def asked(client: KubeClient, current: str) -> tuple[RestoreRequest, Outcome | None]:
        space, patience = namespace or current, seconds(timeout)
        found = await one_base(client, space, base)
        request = restore_request(found, snapshot, request_id, dt.datetime.now(dt.UTC))
        manifest = restore_manifest(found, snapshot, request.request_id)
        typer.echo(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), nl=False)
        if request.joined:
            explain(f"Request {request.request_id} was made already; each request is carried out once.")
        if not apply:
            explain(_TO_COMMIT.format(base=base))
            return request, None
        if not request.joined:
            try:
                await client.apply_as(FIELD_MANAGER, BASES, manifest, force=force)
            except ApiError as error:
                if error.status != 409 or force:
                    raise
                raise RefusedError(_CONFLICT.format(message=error.message)) from error
            instead = f", instead of request {request.replaced}, which was not begun" if request.replaced else ""
            explain(f"Asked base {base} to restore {snapshot} (request {request.request_id}){instead}.")
        if not found.spec.in_service and restore_outcome(found, request.request_id) is None:
            explain(f"Base {base} is stopped: the snapshot is restored when it is put in service (spec.inService).")
            return request, Outcome(good=True, message="the request stands")
        if not wait:
            return request, None
        outcome = await settled(
            client,
            space,
            base,
            title=f"restore {snapshot}",
            judge=lambda now: restore_outcome(now, request.request_id),
            stage=lambda now: restore_progress(now, request.request_id),
            patience=patience,
        )
        return request, outcome

    request, outcome = ask(asked)
    if outcome and not outcome.good:
        refuse(outcome.message)
    if outcome:
        explain(f"Done: {outcome.message}.")
    elif apply and wait:
        refuse(f"request {request.request_id} is not settled after {timeout}. It stands: kubectl pronote status {base}")
