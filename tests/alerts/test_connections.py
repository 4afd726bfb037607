"""Alerts about connections, both ways: they fire for what a host should look at, and not for an ordinary morning."""

from __future__ import annotations

from pathlib import Path

from tests.alerts.promtool import MINUTE, Figures, Series, announces, fires, judge, silent

EXHAUSTED = "PronoteLicencesExhausted"
REFUSED = "PronoteLoginsRefused"
SUSPENDED = "PronoteAddressesSuspended"

Values = tuple[tuple[float, float], ...]


def constant(value: float) -> Values:
    return ((0, value),)


def growing(per_minute: float, begin: float, end: float) -> Values:
    """A counter that stands at 0 until `begin` and after `end` at what it has reached."""
    steps = range(int(begin), int(end) + MINUTE, MINUTE)
    return ((0, 0), *((at, per_minute * number) for number, at in enumerate(steps)))


def places(mode: str, used: Values, *, turned_away: Values = ((0, 0),)) -> Figures:
    """A base with 4 administrative places, of which 1 is reserved, and 50 for teachers."""
    limits = {"administratif": 4, "enseignant": 50}
    of: dict[Series, Values] = {
        ("pronote_licences_limit", (("mode", name),)): constant(limit) for name, limit in limits.items()
    }
    of |= {("pronote_licences_used", (("mode", name),)): constant(0) for name in limits}
    of[("pronote_licences_used", (("mode", mode),))] = used
    of[("pronote_licences_reserved", ())] = constant(1)
    of[("pronote_logins_total", login("licence", mode=mode))] = turned_away
    return Figures(of)


def login(
    result: str, *, application: str = "Client", mode: str = "enseignant", espace: str = ""
) -> tuple[tuple[str, str], ...]:
    """Labels of `pronote_logins_total`."""
    return (("application", application), ("mode", mode), ("espace", espace), ("result", result))


def logins(refused: Values, blocked: Values, success: Values) -> Figures:
    """Logins in a browser, and none with Clients."""
    web = {"application": "PRONOTE.net", "mode": "consultation", "espace": "Parents"}
    figures = {"refused": refused, "blocked": blocked, "success": success}
    of = {("pronote_logins_total", login(result, **web)): values for result, values in figures.items()}
    return Figures(of | {("pronote_logins_total", login(result)): constant(0) for result in figures})


def blocked(values: Values) -> Figures:
    return Figures({("pronote_blocked_addresses", ()): values})


# Licences.


def test_licences_are_exhausted_when_all_places_stay_taken(tmp_path: Path) -> None:
    base = places("enseignant", ((0, 49), (10 * MINUTE, 50)))
    mode = {"mode": "enseignant"}
    judge(base, tmp_path, silent(EXHAUSTED, 24 * MINUTE), fires(EXHAUSTED, 25 * MINUTE, **mode))


def test_a_full_hour_change_is_no_exhaustion(tmp_path: Path) -> None:
    base = places("enseignant", ((0, 50), (14 * MINUTE, 49), (15 * MINUTE, 50), (29 * MINUTE, 48)))
    judge(base, tmp_path, *(silent(EXHAUSTED, minute * MINUTE) for minute in (14, 20, 29, 40)))


def test_the_reserved_place_alone_helps_nobody_who_is_turned_away(tmp_path: Path) -> None:
    waiting = growing(1, 5 * MINUTE, 60 * MINUTE)
    base = places("administratif", constant(3), turned_away=waiting)
    mode = {"mode": "administratif"}
    judge(base, tmp_path, silent(EXHAUSTED, 10 * MINUTE), fires(EXHAUSTED, 30 * MINUTE, **mode))


def test_a_superadministrator_on_an_ordinary_place_turns_nobody_away(tmp_path: Path) -> None:
    judge(places("administratif", constant(3)), tmp_path, silent(EXHAUSTED, 60 * MINUTE))


def test_it_ends_when_a_place_is_free(tmp_path: Path) -> None:
    base = places("enseignant", ((0, 50), (30 * MINUTE, 49)))
    mode = {"mode": "enseignant"}
    judge(base, tmp_path, fires(EXHAUSTED, 29 * MINUTE, **mode), silent(EXHAUSTED, 30 * MINUTE))


# Logins.


def test_somebody_who_guesses_passwords_is_noticed(tmp_path: Path) -> None:
    base = logins(growing(20, 10 * MINUTE, 60 * MINUTE), constant(0), growing(2, 0, 60 * MINUTE))
    judge(base, tmp_path, silent(REFUSED, 12 * MINUTE), fires(REFUSED, 25 * MINUTE), silent(REFUSED, 90 * MINUTE))


def test_a_school_that_is_locked_out_is_noticed(tmp_path: Path) -> None:
    base = logins(constant(10), growing(15, 10 * MINUTE, 60 * MINUTE), growing(1, 0, 10 * MINUTE))
    judge(base, tmp_path, silent(REFUSED, 10 * MINUTE), fires(REFUSED, 30 * MINUTE))


def test_a_morning_with_many_mistakes_is_none(tmp_path: Path) -> None:
    base = logins(growing(20, 10 * MINUTE, 60 * MINUTE), constant(0), growing(40, 10 * MINUTE, 60 * MINUTE))
    judge(base, tmp_path, *(silent(REFUSED, minute * MINUTE) for minute in (15, 30, 60)))


def test_few_mistakes_at_night_are_none(tmp_path: Path) -> None:
    base = logins(growing(3, 10 * MINUTE, 60 * MINUTE), constant(0), constant(0))
    judge(base, tmp_path, silent(REFUSED, 30 * MINUTE), silent(REFUSED, 60 * MINUTE))


# Suspended addresses.


def test_many_addresses_at_once_are_noticed(tmp_path: Path) -> None:
    base = blocked(((0, 2), (20 * MINUTE, 7)))
    judge(base, tmp_path, silent(SUSPENDED, 19 * MINUTE), fires(SUSPENDED, 21 * MINUTE), silent(SUSPENDED, 55 * MINUTE))


def test_addresses_that_come_one_by_one_over_hours_are_none(tmp_path: Path) -> None:
    base = blocked(tuple((hour * 60 * MINUTE, hour * 2) for hour in range(6)))
    judge(base, tmp_path, *(silent(SUSPENDED, hour * 60 * MINUTE) for hour in range(1, 6)))


# Words.


def test_each_says_what_it_means(tmp_path: Path) -> None:
    announces(
        places("enseignant", constant(50)),
        tmp_path,
        EXHAUSTED,
        20 * MINUTE,
        mode="enseignant",
        summary="Base schools/jean-moulin has no place left in mode enseignant.",
        description="50 places have been taken for a quarter of an hour. Whoever else wants to connect in mode "
        "enseignant is turned away.",
    )
    announces(
        logins(growing(20, 10 * MINUTE, 60 * MINUTE), constant(0), constant(0)),
        tmp_path,
        REFUSED,
        30 * MINUTE,
        summary="Most logins to base schools/jean-moulin are refused.",
        description="About 300 within a quarter of an hour: somebody guesses passwords, or a whole school is locked "
        "out.",
    )
    announces(
        blocked(((0, 0), (20 * MINUTE, 6))),
        tmp_path,
        SUSPENDED,
        21 * MINUTE,
        summary="Many addresses were suspended at base schools/jean-moulin.",
        description="6 more than at the least within half an hour. Nobody can log in from there until they are "
        "released.",
    )
