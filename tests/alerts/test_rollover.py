"""The alerts about releases and the turn of the year, both ways, as `promtool test rules` judges them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.promtool import DAY, HOUR, MINUTE, promtool

RULES = Path(__file__).parents[2] / "manifests" / "alerts" / "pronote-rollover.yaml"
HALTED = "PronoteRolloverHalted"
FAILED = "PronoteRolloverFailed"
OVERDUE = "PronoteRolloverOverdue"
NO_RELEASE = "PronoteNoReleaseForSwitchover"
PHASES = ("Current", "Scheduled", "Canary", "Progressing", "Halted", "Paused")
STEP = 5 * MINUTE
"""Between two samples, and between two evaluations."""

Labels = Mapping[str, str]
Values = tuple[tuple[float, float | None], ...]
"""What a series shows from each of these seconds on; None: it is not there."""
Check = tuple[str, float, list[Labels]]
"""An alert, a second, and the labels of each that fires then, besides the severity."""
Shown = dict[str, Values]
STABLE: Labels = {"channel": "stable"}
METROPOLE: Labels = {"channel": "stable", "calendar": "metropole"}


def series(metric: str, values: Values, pod: str = "operator-0", **labels: str) -> Shown:
    """One series of the metrics of the operator, as one of its pods shows it."""
    text = ", ".join(f'{name}="{value}"' for name, value in {"channel": "stable", "pod": pod, **labels}.items())
    return {f"pronote_rollover_{metric}{{{text}}}": values}


def phases(*held: tuple[float, str | None], pod: str = "operator-0") -> Shown:
    """The phase of the channel from each of these seconds on; None: the pod tells of no channel."""
    shown: Shown = {}
    for phase in PHASES:
        values = tuple((since, None if told is None else float(told == phase)) for since, told in held)
        shown |= series("phase", values, pod, phase=phase)
    return shown


def oldest_due(*values: tuple[float, float | None], pod: str = "operator-0") -> Shown:
    return series("oldest_due_timestamp_seconds", values, pod)


def failed(*values: tuple[float, float | None], pod: str = "operator-0") -> Shown:
    """How many bases have failed; as many as ever have gone over."""
    return series("bases", values, pod, state="failed") | series("bases", ((0, 900),), pod, state="updated")


def switchover(*moments: tuple[float, float | None], has_release: Values, pod: str = "operator-0") -> Shown:
    """What is told of the next switchover of the calendar `metropole`: when it is, and whether it has a release."""
    return series("next_switchover_timestamp_seconds", moments, pod, calendar="metropole") | series(
        "release_for_switchover", has_release, pod, calendar="metropole"
    )


def judge(folder: Path, shown: Shown, *checks: Check) -> None:
    """Let promtool compare.

    Args:
        folder: for the test's file.
        shown: by series.
        checks: all that fires at some moments.
    Raises:
        AssertionError: something is otherwise, in promtool's words.
    """
    expected = []
    for alert, at, fire in checks:
        query = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
        samples = []
        for labels in fire:
            text = "".join(f', {name}="{value}"' for name, value in labels.items())
            one = f'ALERTS{{alertname="{alert}", alertstate="firing", severity="warning"{text}}}'
            samples.append({"labels": one, "value": 1})
        expected.append({"expr": query, "eval_time": f"{int(at)}s", "exp_samples": samples})
    run(folder, shown, max(at for _, at, _ in checks), promql_expr_test=expected)


def run(folder: Path, shown: Shown, until: float, **tests: list[dict[str, Any]]) -> None:
    """Run promtool on one group of series. AssertionError with its words when it is not content."""
    moments = range(0, int(until) + STEP, STEP)
    inputs = [{"series": name, "values": _texts(values, moments)} for name, values in shown.items()]
    group = {"interval": f"{STEP}s", "input_series": inputs, **tests}
    path = folder / "test.yaml"
    test = {"rule_files": [str(RULES)], "evaluation_interval": f"{STEP}s", "tests": [group]}
    path.write_text(yaml.safe_dump(test, width=1_000_000_000))
    done = subprocess.run([promtool(), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _texts(values: Values, moments: range) -> str:
    texts, present = [], False
    for now in moments:
        told = [value for since, value in values if since <= now]
        found = told[-1] if told else None
        texts.append(f"{found:.0f}" if found is not None else "stale" if present else "_")
        present = found is not None
    return " ".join(texts)


def said(alert: str, **words: str) -> dict[str, str]:
    """The annotations of an alert with what its labels and its value put in."""
    (rule,) = [one for one in yaml.safe_load(RULES.read_text())["groups"][0]["rules"] if one["alert"] == alert]
    texts: dict[str, str] = rule["annotations"]
    values = {"value": "{{ $value | humanizeDuration }}", "count": "{{ $value }}"}
    for mark, word in words.items():
        expression = values.get(mark, f"{{{{ $labels.{mark} }}}}")
        texts = {name: text.replace(expression, word) for name, text in texts.items()}
    assert not any("{{" in text for text in texts.values()), texts
    return texts


# Halted.


def test_a_rollout_that_halts_is_told_and_the_alert_ends_when_it_goes_on(tmp_path: Path) -> None:
    shown = phases((0, "Progressing"), (HOUR, "Halted"), (3 * HOUR, "Canary"))
    judge(
        tmp_path,
        shown,
        (HALTED, HOUR, []),
        (HALTED, HOUR + STEP, [STABLE]),
        (HALTED, 3 * HOUR - STEP, [STABLE]),
        (HALTED, 3 * HOUR, []),
    )


def test_no_other_phase_is_a_halt(tmp_path: Path) -> None:
    held = tuple((number * HOUR, phase) for number, phase in enumerate(one for one in PHASES if one != "Halted"))
    judge(tmp_path, phases(*held), *((HALTED, number * HOUR + 30 * MINUTE, []) for number in range(len(held))))


def test_a_halt_is_one_alert_when_another_pod_takes_the_lead(tmp_path: Path) -> None:
    shown = phases((0, "Halted"), (HOUR, None)) | phases((HOUR + 10 * MINUTE, "Halted"), pod="operator-1")
    judge(tmp_path, shown, *((HALTED, HOUR + minutes * MINUTE, [STABLE]) for minutes in (-5, 0, 5, 10, 15, 30)))


def test_two_operators_that_each_serve_a_part_make_one_alert(tmp_path: Path) -> None:
    shown = phases((0, "Halted")) | phases((0, "Progressing"), pod="other-0")
    judge(tmp_path, shown, (HALTED, HOUR, [STABLE]))


# Failed.


def test_a_base_that_went_back_is_told_until_the_channel_is_changed(tmp_path: Path) -> None:
    shown = phases((0, "Progressing"), (2 * HOUR, "Current")) | failed((0, 0), (HOUR, 1), (5 * HOUR, 0))
    judge(
        tmp_path,
        shown,
        (FAILED, HOUR + 15 * MINUTE - STEP, []),
        (FAILED, HOUR + 15 * MINUTE, [STABLE]),
        (FAILED, 5 * HOUR - STEP, [STABLE]),
        (FAILED, 5 * HOUR, []),
        (HALTED, 2 * HOUR, []),
    )


def test_without_a_failure_nothing_is_told(tmp_path: Path) -> None:
    judge(tmp_path, phases((0, "Progressing")) | failed((0, 0)), (FAILED, HOUR, []), (FAILED, DAY, []))


def test_a_halt_is_told_in_place_of_its_failures(tmp_path: Path) -> None:
    shown = phases((0, "Progressing"), (HOUR, "Halted")) | failed((0, 1), (HOUR, 6))
    judge(tmp_path, shown, (FAILED, HOUR - STEP, [STABLE]), (FAILED, 2 * HOUR, []), (HALTED, 2 * HOUR, [STABLE]))


def test_a_failure_is_one_alert_when_another_pod_takes_the_lead(tmp_path: Path) -> None:
    shown = phases((0, "Progressing"), (HOUR, None)) | failed((0, 2), (HOUR, None))
    shown |= phases((HOUR + 10 * MINUTE, "Progressing"), pod="operator-1")
    shown |= failed((HOUR + 10 * MINUTE, 2), pod="operator-1")
    judge(tmp_path, shown, *((FAILED, HOUR + minutes * MINUTE, [STABLE]) for minutes in (-5, 0, 5, 10, 15, 30)))


def test_an_operator_whose_rollout_has_halted_does_not_hide_a_failure_of_anothers(tmp_path: Path) -> None:
    shown = phases((0, "Halted")) | failed((0, 6))
    shown |= phases((0, "Progressing"), pod="other-0") | failed((0, 1), pod="other-0")
    judge(tmp_path, shown, (FAILED, HOUR, [STABLE]), (HALTED, HOUR, [STABLE]))


# Overdue.


def test_what_is_not_taken_by_the_second_morning_is_overdue(tmp_path: Path) -> None:
    due = 2 * HOUR
    shown = phases((0, "Scheduled"), (due, "Progressing")) | oldest_due((due, due), (3 * DAY, None))
    judge(
        tmp_path,
        shown,
        (OVERDUE, due + 36 * HOUR - STEP, []),
        (OVERDUE, due + 36 * HOUR, [STABLE]),
        (OVERDUE, 3 * DAY - STEP, [STABLE]),
        (OVERDUE, 3 * DAY + 20 * MINUTE, []),
        (HALTED, 2 * DAY, []),
    )


def test_a_rollout_that_takes_two_nights_is_not_overdue(tmp_path: Path) -> None:
    shown = phases((0, "Progressing"), (9 * HOUR, "Scheduled"), (DAY, "Progressing"), (33 * HOUR, "Current"))
    shown |= oldest_due((0, 0), (33 * HOUR, None))
    judge(tmp_path, shown, *((OVERDUE, hours * HOUR, []) for hours in (24, 33, 36, 37, 60)))


def test_an_evening_that_follows_another_is_not_one_long_wait(tmp_path: Path) -> None:
    shown = phases((0, "Progressing"))
    shown |= oldest_due(
        *((day * DAY + hour, day * DAY if not hour else None) for day in range(4) for hour in (0, 9 * HOUR))
    )
    judge(tmp_path, shown, *((OVERDUE, day * DAY + 8 * HOUR, []) for day in range(4)))


def test_what_was_due_long_ago_and_is_wanted_only_now_gets_a_day(tmp_path: Path) -> None:
    """A pin is taken out: the turn that it held back fell due last August."""
    begins = 20 * DAY
    shown = phases((0, "Progressing")) | oldest_due((begins, 0))
    judge(tmp_path, shown, (OVERDUE, begins + DAY - STEP, []), (OVERDUE, begins + DAY, [STABLE]))


def test_nothing_is_overdue_while_it_is_paused_or_halted_and_a_day_passes_after_that(tmp_path: Path) -> None:
    for phase in ("Paused", "Halted"):
        shown = phases((0, "Progressing"), (2 * HOUR, phase), (3 * DAY, "Progressing")) | oldest_due((0, 0))
        judge(
            tmp_path,
            shown,
            *((OVERDUE, hours * HOUR, []) for hours in (36, 48, 72, 95)),
            (OVERDUE, 4 * DAY, [STABLE]),
        )


def test_a_pod_that_takes_the_lead_begins_no_new_wait_and_makes_no_second_alert(tmp_path: Path) -> None:
    change = 20 * HOUR
    shown = phases((0, "Progressing"), (change, None)) | oldest_due((0, 0), (change, None))
    shown |= phases((change + 10 * MINUTE, "Progressing"), pod="operator-1")
    shown |= oldest_due((change + 10 * MINUTE, 0), pod="operator-1")
    judge(tmp_path, shown, (OVERDUE, 36 * HOUR - STEP, []), (OVERDUE, 36 * HOUR, [STABLE]))


def test_one_channel_that_is_paused_does_not_hide_another(tmp_path: Path) -> None:
    shown = phases((0, "Paused")) | oldest_due((0, 0))
    for metric, values in (phases((0, "Progressing")) | oldest_due((0, 0))).items():
        shown[metric.replace('"stable"', '"preview"')] = values
    judge(tmp_path, shown, (OVERDUE, 2 * DAY, [{"channel": "preview"}]))


def test_an_operator_whose_rollout_has_halted_does_not_hide_what_another_owes(tmp_path: Path) -> None:
    shown = phases((0, "Halted")) | oldest_due((0, 0))
    judge(tmp_path, shown, (OVERDUE, 2 * DAY, []), (HALTED, 2 * DAY, [STABLE]))
    shown |= phases((0, "Progressing"), pod="other-0") | oldest_due((0, 0), pod="other-0")
    judge(tmp_path, shown, (OVERDUE, 2 * DAY, [STABLE]), (HALTED, 2 * DAY, [STABLE]))


def test_two_operators_that_each_serve_a_part_owe_in_one_alert_since_the_oldest(tmp_path: Path) -> None:
    shown = phases((0, "Progressing")) | oldest_due((0, 6 * HOUR))
    shown |= phases((0, "Progressing"), pod="other-0") | oldest_due((0, 0), pod="other-0")
    judge(
        tmp_path, shown, (OVERDUE, 36 * HOUR - STEP, []), (OVERDUE, 36 * HOUR, [STABLE]), (OVERDUE, 2 * DAY, [STABLE])
    )


# No release.


def test_a_switchover_without_a_release_is_told_from_thirty_days_before_on(tmp_path: Path) -> None:
    shown = switchover((0, 31 * DAY), has_release=((0, 0),))
    judge(
        tmp_path,
        shown,
        (NO_RELEASE, DAY - STEP, []),
        (NO_RELEASE, DAY + 30 * MINUTE - STEP, []),
        (NO_RELEASE, DAY + 30 * MINUTE, [METROPOLE]),
        (NO_RELEASE, 2 * DAY, [METROPOLE]),
    )


def test_thirty_days_and_a_step_before_is_too_early(tmp_path: Path) -> None:
    """Were the boundary a step earlier, it would fire by then."""
    shown = switchover((0, 31 * DAY + STEP), has_release=((0, 0),))
    judge(tmp_path, shown, (NO_RELEASE, DAY + 30 * MINUTE, []), (NO_RELEASE, DAY + 30 * MINUTE + STEP, [METROPOLE]))


def test_a_release_that_is_listed_ends_it_and_one_that_is_withdrawn_begins_it(tmp_path: Path) -> None:
    shown = switchover((0, 10 * DAY), has_release=((0, 0), (HOUR, 1), (3 * HOUR, 0)))
    judge(
        tmp_path,
        shown,
        (NO_RELEASE, HOUR - STEP, [METROPOLE]),
        (NO_RELEASE, HOUR, []),
        (NO_RELEASE, 3 * HOUR + 20 * MINUTE, []),
        (NO_RELEASE, 3 * HOUR + 30 * MINUTE, [METROPOLE]),
    )


def test_a_switchover_with_a_release_is_quiet_to_the_end(tmp_path: Path) -> None:
    shown = switchover((0, DAY), has_release=((0, 1),))
    judge(tmp_path, shown, (NO_RELEASE, HOUR, []), (NO_RELEASE, DAY - STEP, []))


def test_the_next_years_switchover_is_far_away_when_the_year_has_turned(tmp_path: Path) -> None:
    shown = switchover((0, DAY), (DAY, 366 * DAY), has_release=((0, 1), (DAY, 0)))
    judge(tmp_path, shown, (NO_RELEASE, DAY, []), (NO_RELEASE, DAY + HOUR, []), (NO_RELEASE, 2 * DAY, []))


def test_a_lead_that_changes_at_the_very_switchover_tells_nothing_wrong(tmp_path: Path) -> None:
    shown = switchover((0, DAY), (DAY - STEP, None), has_release=((0, 1), (DAY - STEP, None)))
    shown |= switchover((DAY, 366 * DAY), has_release=((DAY, 0),), pod="operator-1")
    judge(tmp_path, shown, *((NO_RELEASE, DAY + minutes * MINUTE, []) for minutes in (0, 5, 15, 30, 45, 60)))


def test_two_pods_that_are_scraped_make_one_alert(tmp_path: Path) -> None:
    shown = switchover((0, 10 * DAY), (2 * HOUR, None), has_release=((0, 0), (2 * HOUR, None)))
    shown |= switchover(
        (2 * HOUR + 10 * MINUTE, 10 * DAY), has_release=((2 * HOUR + 10 * MINUTE, 0),), pod="operator-1"
    )
    moments = (HOUR, 2 * HOUR, 2 * HOUR + 10 * MINUTE, 3 * HOUR)
    judge(tmp_path, shown, *((NO_RELEASE, moment, [METROPOLE]) for moment in moments))


def test_an_operator_whose_schools_have_turned_says_nothing_of_one_whose_schools_turn_hours_later(
    tmp_path: Path,
) -> None:
    """Paris and Martinique, in one calendar, each served by an operator of a few namespaces."""
    later = DAY + 6 * HOUR
    shown = switchover((0, DAY), (DAY, 366 * DAY), has_release=((0, 1), (DAY, 0)))
    shown |= switchover((0, later), (later, 366 * DAY), has_release=((0, 1), (later, 0)), pod="other-0")
    judge(tmp_path, shown, *((NO_RELEASE, DAY + minutes * MINUTE, []) for minutes in (0, 30, 60, 180, 360, 420)))


def test_one_operators_schools_that_lack_a_release_are_told_beside_anothers_that_have_one(tmp_path: Path) -> None:
    shown = switchover((0, 10 * DAY), has_release=((0, 1),))
    shown |= switchover((0, 11 * DAY), has_release=((0, 0),), pod="other-0")
    judge(tmp_path, shown, (NO_RELEASE, HOUR, [METROPOLE]), (NO_RELEASE, 2 * DAY, [METROPOLE]))


# Words.


def test_the_words_name_the_channel_the_calendar_and_the_time(tmp_path: Path) -> None:
    for alert, at, labels, values in (
        (HALTED, HOUR, STABLE, {}),
        (FAILED, HOUR, STABLE, {"count": "3"}),
        (OVERDUE, 2 * DAY, STABLE, {"value": "2d 0h 0m 0s"}),
        (NO_RELEASE, 2 * DAY, METROPOLE, {"value": "8d 0h 0m 0s"}),
    ):
        shown = phases((0, "Halted" if alert == HALTED else "Progressing")) | failed((0, 3)) | oldest_due((0, 0))
        shown |= switchover((0, 10 * DAY), has_release=((0, 0),))
        words = {"exp_labels": {**labels, "severity": "warning"}, "exp_annotations": said(alert, **labels, **values)}
        run(
            tmp_path,
            shown,
            at,
            alert_rule_test=[{"alertname": alert, "eval_time": f"{int(at)}s", "exp_alerts": [words]}],
        )
