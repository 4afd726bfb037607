"""What a base refers to: its version channel, backup policy and calendar, by name or by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pronote_operator.api.constants import ANNOTATION_IS_DEFAULT
from pronote_operator.api.versionchannel import Calendar, VersionChannel
from pronote_operator.errors import ReferenceMissing, Unusable

DEFAULT_CALENDAR = "metropole"
"""The calendar that an absent `spec.calendar` means where a channel has several."""


@dataclass(frozen=True, slots=True)
class Named:
    """A cluster-scoped object that bases may refer to."""

    name: str
    default: bool


def is_default(annotations: Mapping[str, str]) -> bool:
    """Whether these annotations make the object the default of its kind, as for a StorageClass."""
    return annotations.get(ANNOTATION_IS_DEFAULT) == "true"


def referred(field: str, kind: str, wanted: str | None, known: Mapping[str, Named], *, required: bool) -> str | None:
    """The name that a reference comes to.

    Args:
        field: the field of the spec, for messages.
        wanted: the name in the spec, or None for the default.
        required: whether there must be a default when none is named.
    Raises:
        ReferenceMissing: the named one is not there, or a required default is not there.
        Unusable: several claim to be the default.
    """
    if wanted is not None:
        if wanted not in known:
            raise ReferenceMissing(f"{field}: {kind} {wanted} does not exist; {_there_are(kind, known)}")
        return wanted
    defaults = sorted(one.name for one in known.values() if one.default)
    if len(defaults) > 1:
        raise Unusable(
            "AmbiguousDefault",
            f"{field} is absent and {kind}s {', '.join(defaults)} are all annotated {ANNOTATION_IS_DEFAULT}: "
            f"annotate one only, or name one in {field}",
        )
    if not defaults and required:
        raise ReferenceMissing(
            f"{field} is absent and no {kind} is annotated {ANNOTATION_IS_DEFAULT}=true; {_there_are(kind, known)}"
        )
    return defaults[0] if defaults else None


def calendar_of(channel: VersionChannel, wanted: str | None) -> tuple[str, Calendar]:
    """The calendar of a base: the named one; else the channel's only one, or `metropole`.

    Raises:
        Unusable: there is none of that name.
    """
    calendars = channel.spec.calendars
    name = wanted
    if name is None:
        name = next(iter(calendars)) if len(calendars) == 1 else DEFAULT_CALENDAR
    if name not in calendars:
        allowed = ", ".join(sorted(calendars)) or "none"
        raise Unusable(
            "UnknownCalendar",
            f"spec.calendar: {name} is not a calendar of VersionChannel {channel.metadata.name}; it has: {allowed}",
        )
    return name, calendars[name]


def _there_are(kind: str, known: Mapping[str, Named]) -> str:
    names = ", ".join(sorted(known)[:10])
    return f"there are: {names}" if names else f"there is no {kind} yet"
