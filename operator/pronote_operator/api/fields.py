"""Types of single fields that several kinds share, each with its bounds, its pattern and its words.

Values stay what the manifest says (strings); the functions at the end read them.
"""

from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BeforeValidator, NaiveDatetime, PlainSerializer, WithJsonSchema

from .constants import MAX_NAME_LENGTH
from .schema import Kube, Rule, Text
from .uai import UAI_LETTERS, UAI_PATTERN

_NUMBER = f"int(self.substring(0, 7)) % {len(UAI_LETTERS)}"
# Not charAt: the API server knows no bound of what that returns, and refuses the message for its estimated cost.
_LETTER = f"'{UAI_LETTERS}'.substring({_NUMBER}, {_NUMBER} + 1)"

Uai = Annotated[
    str,
    # Longer than it may be, so that the words are what a wrong one is refused with; likewise below.
    Text(
        16,
        UAI_PATTERN,
        "a UAI: 7 digits and an upper-case letter other than I, O and Q, such as 0750654D",
        Rule(
            f"!self.matches('^[0-9]{{7}}[A-Z]$') || self.substring(7) == {_LETTER}",
            "the letter must be the one that belongs to the digits",
            message_expression="self + ' is not a valid UAI: the letter for ' + self.substring(0, 7)"
            f" + ' is ' + {_LETTER}",
        ),
    ),
]

BASE_NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
"""A Service is named after a base, and begins with a letter."""
_LABEL_WORDS = "lower-case letters, digits and '-', beginning and ending with a letter or digit"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

BaseName = Annotated[
    str,
    Text(
        MAX_NAME_LENGTH,
        BASE_NAME_PATTERN,
        "lower-case letters, digits and '-', beginning with a letter and ending with a letter or digit",
    ),
]
LabelName = Annotated[str, Text(63, f"^{_LABEL}$", _LABEL_WORDS)]
ObjectName = Annotated[str, Text(253, rf"^{_LABEL}(\.{_LABEL})*$", f"an object's name: {_LABEL_WORDS}; dots between")]

TimeZone = Annotated[
    str,
    Text(
        64,
        "^(UTC|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){1,2})$",
        "an IANA time zone such as Europe/Paris, Indian/Reunion or Pacific/Noumea",
    ),
]
ClockTime = Annotated[str, Text(16, "^([01][0-9]|2[0-3]):[0-5][0-9]$", "a time of day from 00:00 to 23:59, as HH:MM")]
MonthDay = Annotated[
    str,
    # 29 February is refused: in three years out of four it does not come, and a date of the school year must.
    Text(
        16,
        "^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$",
        "a day that comes every year, as MM-DD (02-29 does not)",
    ),
]

_LOCAL_TIME_PATTERN = (
    "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
)
LocalTime = Annotated[
    NaiveDatetime,
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 40, "pattern": _LOCAL_TIME_PATTERN}),
    Kube(
        None,
        Rule(
            f"self.matches(r'{_LOCAL_TIME_PATTERN}')",
            "must be a date and time without a zone, as 2026-08-26T20:00:00 (it is read in each base's time zone)",
        ),
        Rule(
            "!self.matches('^[0-9]{4}-02-29T') || (int(self.substring(0, 4)) % 4 == 0 && "
            "(int(self.substring(0, 4)) % 100 != 0 || int(self.substring(0, 4)) % 400 == 0))",
            "must be a date that exists: 29 February only in leap years",
        ),
    ),
]


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


Time = Annotated[AwareDatetime, PlainSerializer(_utc_text, when_used="unless-none")]
"""A moment, written in UTC to the second, as Kubernetes does."""

_UNSIGNED = "[0-9]{1,12}"
StorageSize = Annotated[
    str,
    Text(
        16,
        r"^[1-9][0-9]{0,8}(\.[0-9]{1,3})?(M|G|T|Mi|Gi|Ti)$",
        "a size such as 500Mi, 5Gi or 1Ti",
    ),
]
_QUANTITY_PATTERN = rf"^{_UNSIGNED}(\.[0-9]{{1,9}})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
Quantity = Annotated[
    str,
    Text(32, _QUANTITY_PATTERN),
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            "pattern": _QUANTITY_PATTERN,
        }
    ),
    Kube(
        None,
        Rule(
            f"type(self) == int ? self >= 0 : self.matches(r'{_QUANTITY_PATTERN}')",
            "must be a quantity such as 2, 500m, 1.5 or 512Mi",
        ),
    ),
]
"""Of cpu or memory; a plain number in a manifest arrives as an integer and is kept as text."""

_PERCENT_PATTERN = "^(100|[1-9]?[0-9])%$"


def _share(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, or a percentage such as 5%")
    return value


Share = Annotated[
    Annotated[int, Kube({"minimum": 0})] | Annotated[str, Text(4, _PERCENT_PATTERN, shortest=2)],
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 16,
            "pattern": _PERCENT_PATTERN,
        }
    ),
]
"""So many, or a percentage of a whole: see `share_of`."""

Address = Annotated[
    str,
    Text(
        64,
        None,
        "",
        Rule("isIP(self) || isCIDR(self)", "must be an IP address or a network, as 192.0.2.7 or 2001:db8::/32"),
        shortest=2,
    ),
]
MachineName = Annotated[
    str,
    Text(
        64,
        r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$",
        "a machine's name: no control character, no space at either end",
    ),
]
ClaimPath = Annotated[
    str,
    Text(
        512,
        r"^[^/.\x00-\x1f\x7f][^/\x00-\x1f\x7f]*(/[^/.\x00-\x1f\x7f][^/\x00-\x1f\x7f]*)*$",
        "a path inside the volume: no leading '/', and no part that is empty or begins with '.'",
    ),
]
SnapshotName = Annotated[
    str,
    Text(
        63,
        "^[a-z]+(-[a-z]+)*-[0-9]{8}T[0-9]{4}([0-9]{2})?Z$",
        "the name of a snapshot, such as archive-20261123T023000Z (status.snapshots.names lists them)",
    ),
]
RequestId = Annotated[
    str,
    Text(
        63,
        "^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$",
        "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, such as 2026-11-24-a",
    ),
]
ReleaseVersion = Annotated[
    str,
    Text(16, r"^20[0-9]{2}\.[0-9]{1,3}\.[0-9]{1,4}$", "three numbers that begin with a year, such as 2026.2.5"),
]
Image = Annotated[
    str,
    Text(
        512,
        r"^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$",
        "an image with a tag or a digest, such as localhost/pronote-server:2026.2.5 or name@sha256:…",
        Rule("!self.endsWith(':latest')", "must be a release: the tag 'latest' names another image tomorrow"),
    ),
]

SchoolYear = Annotated[int, Kube({"minimum": 2000, "maximum": 2099})]
"""The year in which the school year begins: 2026 is 2026-2027 (in the southern hemisphere: the calendar year)."""

Espace = Literal[
    "Direction",
    "Professeurs",
    "VieScolaire",
    "Parents",
    "Eleves",
    "Accompagnants",
    "Entreprise",
    "Academie",
    "Inscription",
]
ESPACES: tuple[Espace, ...] = get_args(Espace)


def clock_time(text: str) -> time:
    """Return the time of day of a `ClockTime`."""
    return time(int(text[:2]), int(text[3:]))


def month_day(text: str) -> tuple[int, int]:
    """Return (month, day) of a `MonthDay`."""
    return int(text[:2]), int(text[3:])


def share_of(share: int | str, total: int) -> int:
    """Return how many of `total` a `Share` means: the number itself, or the percentage rounded down."""
    return share if isinstance(share, int) else int(share[:-1]) * total // 100
