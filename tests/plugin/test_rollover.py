"""`kubectl pronote rollover`: what is planned, how far it is, pause and resume."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.cli import completing, rollover_watching
from tests.plugin.conftest import Plugin
from tests.plugin.fakeapi import FakeApi
from tests.support.rollovers import Object, base, channel, condition, half_done

PATH = "/apis/pronote.hosting/v1alpha1/versionchannels/stable"
HALTED = condition("Stalled", "True", "RolloutHalted", "Canary schools/a failed; it goes on when the spec is changed")


def put(api: FakeApi, manifest: Object, bases: list[Object] | None = None) -> None:
    for thing in (manifest, *(bases or ())):
        api.add(thing)


def changed(**status: Any) -> Any:
    """The operator writes this."""

    def change(thing: Object) -> None:
        thing["status"] |= status

    return change


def stored(api: FakeApi) -> Object:
    return api.objects["versionchannels", None, "stable"]


def test_the_plan_names_the_waves_and_the_next_switchover(plugin: Plugin, api: FakeApi) -> None:
    put(api, *half_done())
    ended = plugin("rollover", "plan", "stable", "--time-zone", "Indian/Reunion")
    assert ended.code == 0, ended.err
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["1", "5", "2026-08-26", "23:15", "+04"] in [line[:5] for line in lines]
    assert ["To", "come", "6", "of", "20", "bases,", "in", "2", "waves"] in lines
    assert "2027-01-25 (calendar nouvelle-caledonie)" in ended.out


def test_the_status_shows_who_goes_over_who_failed_and_who_waits(plugin: Plugin, api: FakeApi) -> None:
    put(api, *half_done())
    ended = plugin("rollover", "status", "stable", columns=80)
    assert ended.code == 0, ended.err
    for said in ("8 of 20 bases (40 %)", "In flight: 3", "Failed: 2 (2 may)", "Waiting: 8", "going back"):
        assert said in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "\x1b" not in ended.out + ended.err
    space = "/apis/pronote.hosting/v1alpha1"
    assert api.requests == [f"GET {PATH}", f"GET {space}/pronotebases"]


def test_programs_get_all_of_it_with_times_in_utc(plugin: Plugin, api: FakeApi) -> None:
    put(api, *half_done())
    told = json.loads(plugin("rollover", "status", "stable", "-o", "json").out)
    assert (told["channel"], told["phase"], told["total"], told["updated"]) == ("stable", "Progressing", 20, 8)
    assert told["rollSeconds"] == 240
    assert {"base": "schools/pasteur", "phase": "Archiving"}.items() <= told["inFlight"][1].items()
    assert told["failed"][0]["message"].startswith("The server was not ready within 20 minutes")
    assert told["failed"][0]["completedTime"] == "2026-08-26T18:44:00Z"
    assert {"reason": "RollPending", "why": "its turn", "count": 6}.items() <= told["waiting"][0].items()
    told = json.loads(plugin("rollover", "plan", "stable", "-o", "json").out)
    assert [(wave["wave"], wave["canaries"], wave["bases"]) for wave in told["waves"]] == [(1, False, 5), (2, False, 1)]
    assert told["waves"][0]["startTime"] == "2026-08-26T19:15:00Z"
    assert told["nextSwitchover"] == {"calendar": "nouvelle-caledonie", "date": "2027-01-25"}
    assert "expectedEndTime" in told


def test_a_watch_ends_well_when_the_rollover_is_over(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Progressing", updated=18, updating=["schools/a"]), [base("a", "Rolling")])
    api.meanwhile = [changed(), changed(updated=19, updating=[]), changed(phase="Current")]
    ended = plugin("rollover", "status", "stable", "--watch")
    assert ended.code == 0, ended.err
    lines = ended.err.splitlines()
    assert lines[0] == "stable: going on: 5 at once; 18 of 20 updated; 1 in flight"
    assert lines[-1] == "Done: 19 of 20 bases run what is due; 1 do not run it."
    assert len(lines) == len(set(lines)), "a line for each change"
    assert "19 of 20 bases (95 %)" in ended.out


def test_a_watch_ends_well_though_another_calendar_comes_within_30_days(plugin: Plugin, api: FakeApi) -> None:
    kept = [base("zola", "ReleaseNotListed", "kept"), base("curie", "RollPending", spec={"inService": False})]
    put(api, channel(phase="Progressing", updated=18), kept)
    api.meanwhile = [changed(), changed(phase="Scheduled")]
    ended = plugin("rollover", "status", "stable", "--watch", "--timeout", "20s")
    assert ended.code == 0, ended.err
    done = "Done: 18 of 20 bases run what is due; 2 do not run it; more comes within 30 days."
    assert ended.err.splitlines()[-1] == done


def test_a_watch_that_begins_before_the_night_waits_for_it(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Scheduled"), [base("a")])
    api.meanwhile = [changed(), changed(), changed(phase="Canary", updated=19), changed(phase="Scheduled", updated=20)]
    assert plugin("rollover", "status", "stable", "--watch", "--timeout", "20s").code == 0
    assert not api.meanwhile, "all of it was seen"
    assert plugin("rollover", "status", "stable", "--watch", "--timeout", "0").code == 1, "this watch saw none go over"


def test_a_watch_goes_on_between_two_nights(plugin: Plugin, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollover_watching, "LIST_SHARE", 0)
    put(api, channel(phase="Progressing", updated=18), [base("a", "RollPending")])
    bases = api.objects["pronotebases", "schools", "a"]

    def taken(thing: Object) -> None:
        bases["status"] = base("a")["status"]

    api.meanwhile = [changed(), changed(phase="Scheduled"), changed(), changed(), taken]
    assert plugin("rollover", "status", "stable", "--watch", "--timeout", "20s").code == 0
    assert not api.meanwhile, "it was not over while one waited for the next night"


def test_bases_are_listed_anew_in_the_phase_that_may_be_the_end(
    plugin: Plugin, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollover_watching, "LIST_SHARE", 1e9)
    put(api, channel(phase="Progressing", updated=18), [base("a", "Rolling")])

    def over(thing: Object) -> None:
        changed(phase="Scheduled", updated=20)(thing)
        api.add(base("a"))

    api.meanwhile = [changed(), changed(), over]
    assert plugin("rollover", "status", "stable", "--watch", "--timeout", "20s").code == 0
    lists = [request for request in api.requests if request.endswith("/pronotebases")]
    assert len(lists) == 2, "a large fleet is listed no more often than that"


def test_a_watch_ends_badly_when_it_halts_and_says_what_to_do(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Canary", updated=0))
    api.meanwhile = [changed(phase="Halted", failed=["schools/a"], conditions=[HALTED])]
    ended = plugin("rollover", "status", "stable", "--watch")
    assert ended.code == 1
    assert "error: the rollover has halted: Canary schools/a failed" in ended.err
    assert "Change the channel's spec" in ended.out
    told = plugin("rollover", "status", "stable", "--watch", "-o", "json")
    assert told.code == 1
    assert json.loads(told.out)["halted"].startswith("Canary schools/a failed")


def test_a_status_of_an_earlier_spec_ends_no_watch(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(observedGeneration=3, updated=3))
    api.meanwhile = [changed(), changed(), changed(observedGeneration=4, phase="Progressing"), changed(phase="Current")]
    assert plugin("rollover", "status", "stable", "--watch").code == 0
    assert not api.meanwhile
    stalled = channel(observedGeneration=3, phase="Halted", conditions=[HALTED])
    put(api, stalled)
    assert plugin("rollover", "status", "stable", "--watch", "--timeout", "0").code == 1


def test_a_watch_outlives_a_moment_without_the_api_server(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Progressing", updated=3))

    def away(thing: Object) -> None:
        api.broken = 2

    api.meanwhile = [away, changed(), changed(phase="Current")]
    ended = plugin("rollover", "status", "stable", "--watch")
    assert ended.code == 0, ended.err
    assert "the API server does not answer" in ended.err


def test_a_watch_ends_when_the_time_is_up(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Scheduled", updated=0))
    ended = plugin("rollover", "status", "stable", "--watch", "--timeout", "0s")
    assert ended.code == 1
    assert "is not over after 0s; it goes on by itself" in ended.err
    assert plugin("rollover", "status", "stable", "--timeout", "1h").code == 1


def test_a_channel_that_is_not_there_is_answered_with_those_that_are(plugin: Plugin, api: FakeApi) -> None:
    nothing = plugin("rollover", "status", "stabel")
    assert "version channel stabel not found; there is none in this cluster" in nothing.err
    put(api, channel(), [channel("preview")])
    for command in ("plan", "status", "pause", "resume"):
        ended = plugin("rollover", command, "stabel")
        assert ended.code == 1
        assert "version channel stabel not found; there are: preview, stable" in ended.err
    api.unlisted = {"versionchannels"}
    assert "version channel stabel not found\n" in plugin("rollover", "plan", "stabel").err


def test_who_may_not_list_bases_sees_what_the_channel_tells(plugin: Plugin, api: FakeApi) -> None:
    put(api, *half_done())
    api.unlisted = {"pronotebases"}
    ended = plugin("rollover", "status", "stable")
    assert ended.code == 0
    assert "Bases of all namespaces cannot be listed" in ended.err
    assert "schools/jules-ferry" in ended.out
    watching = plugin("rollover", "status", "stable", "--watch", "--timeout", "0")
    for other in (plugin("rollover", "plan", "stable"), watching):
        assert "Bases of all namespaces cannot be listed" in other.err
    assert "waiting" not in json.loads(plugin("rollover", "status", "stable", "-o", "json").out)


def test_a_pause_writes_that_one_field_under_its_own_name(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Progressing", updating=["schools/a", "schools/b"], updated=3))
    ended = plugin("rollover", "pause", "stable")
    assert ended.code == 0, ended.err
    ((content, query, body),) = api.writes
    assert content == "application/merge-patch+json"
    assert query == {"fieldManager": "kubectl-pronote"}
    assert body == {"spec": {"paused": True}}
    assert "Those in flight (2) go over to their end" in ended.err
    assert "kept in Git, write paused: true there too" in ended.err
    again = plugin("rollover", "pause", "stable")
    assert (again.code, again.err) == (0, "Channel stable is already paused.\n")
    assert len(api.writes) == 1


def test_a_resume_ends_the_pause_and_says_what_it_means(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(spec={"paused": True}, phase="Paused"))
    ended = plugin("rollover", "resume", "stable")
    assert ended.code == 0, ended.err
    assert api.writes[0][2] == {"spec": {"paused": False}}
    assert stored(api)["spec"]["releases"] == channel()["spec"]["releases"], "nothing else is changed"
    assert "failures so far count no more" in ended.err
    again = plugin("rollover", "resume", "stable")
    assert (again.code, again.err) == (0, "Channel stable is not paused.\n")
    assert len(api.writes) == 1


def test_a_halted_rollover_is_not_resumed_and_says_how_it_goes_on(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Halted", failed=["schools/a"], conditions=[HALTED], updated=3))
    ended = plugin("rollover", "resume", "stable")
    assert ended.code == 1
    assert "it has halted: Canary schools/a failed" in ended.err
    assert "maxFailures" in ended.err
    assert not api.writes


def test_pausing_a_halted_rollover_says_that_the_halt_is_over_with_it(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(phase="Halted", failed=["schools/a"], conditions=[HALTED], updated=3))
    ended = plugin("rollover", "pause", "stable")
    assert ended.code == 0
    assert "nor does the halt" in ended.err
    assert "tried again when you resume" in ended.err


def test_who_applies_the_manifest_is_named(plugin: Plugin, api: FakeApi) -> None:
    manifest = channel(phase="Progressing")
    manifest["metadata"]["managedFields"] = [
        {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:releases": {}}}},
        {"manager": "pronote-operator", "operation": "Apply", "fieldsV1": {"f:status": {}}, "subresource": "status"},
        {"manager": "kubectl-pronote", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
    ]
    put(api, manifest)
    assert "kept in Git (argocd-controller applies it)" in plugin("rollover", "pause", "stable").err


def test_a_refused_pause_is_told(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel())
    api.refused = (403, 'versionchannels.pronote.hosting "stable" is forbidden: cannot patch at the cluster scope')
    ended = plugin("rollover", "pause", "stable")
    assert ended.code == 1
    assert "error: the API server refused: versionchannels.pronote.hosting" in ended.err


def test_a_time_zone_that_is_none_is_refused(plugin: Plugin, api: FakeApi) -> None:
    ended = plugin("rollover", "plan", "stable", "--time-zone", "Europe/Lutetia")
    assert ended.code == 1
    assert "--time-zone Europe/Lutetia" in ended.err
    assert not api.requests


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["roll"], ["rollover"]),
        (["rollover", "p"], ["plan", "pause"]),
        (["rollover", "status", "--ti"], ["--timeout", "--time-zone"]),
        (["rollover", "status", ""], ["preview", "stable"]),
        (["rollover", "status", "st"], ["stable"]),
        (["rollover", "status", "stable", ""], []),
        (["no-such", ""], []),
        ([], None),
    ],
    ids=str,
)
def test_words_and_channels_are_completed(
    monkeypatch: pytest.MonkeyPatch, words: list[str], offered: list[str] | None
) -> None:
    monkeypatch.setattr(completing, "names_of_channels", lambda: ["preview", "stable"])
    found = completing.completions(words)
    assert found == offered if offered is not None else "rollover" in found


def test_kubectl_gets_a_line_for_each_word_and_is_told_to_offer_no_files() -> None:
    program = "from pronote_operator.cli.completing import main; main()"
    command = [sys.executable, "-c", program, "rollover", "p"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("plan\npause\n:4\n", "")


def test_completion_says_nothing_of_what_is_in_the_way(tmp_path: Path) -> None:
    program = "from pronote_operator.cli.completing import main; main()"
    command = [sys.executable, "-c", program, "rollover", "status", ""]
    nowhere = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
    nowhere |= {"KUBECONFIG": str(tmp_path / "none")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=nowhere)
    assert (done.stdout, done.stderr) == (":4\n", "")


def test_the_names_of_channels_are_asked_of_the_api_server(plugin: Plugin, api: FakeApi) -> None:
    put(api, channel(), [channel("preview")])
    plugin("rollover", "plan", "stable")  # the context of the test is in force from here on
    assert completing.names_of_channels() == ["preview", "stable"]
    api.unlisted = {"versionchannels"}
    assert completing.names_of_channels() == []


def test_help_says_that_pausing_counts_failures_anew(plugin: Plugin, api: FakeApi) -> None:
    for command in ("pause", "resume"):
        assert "Failures so far count no more" in " ".join(plugin("rollover", command, "--help").out.split())
