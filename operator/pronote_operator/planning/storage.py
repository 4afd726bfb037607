"""Whether a volume may become what the spec asks for: it may grow where its class allows, and never shrinks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pronote_operator.planning.quantities import quantity_value


class StorageAction(StrEnum):
    """What is to be done with a claim that exists."""

    KEEP = "Keep"
    GROW = "Grow"
    ASK_CLASS = "AskClass"
    """It would grow: look up whether its class allows that, and decide again."""
    REFUSE_SHRINK = "RefuseShrink"
    REFUSE_GROW = "RefuseGrow"
    REFUSE_CLASS = "RefuseClass"

    @property
    def refused(self) -> bool:
        """Whether a person must mend the spec."""
        return self in (StorageAction.REFUSE_SHRINK, StorageAction.REFUSE_GROW, StorageAction.REFUSE_CLASS)


@dataclass(frozen=True, slots=True)
class StorageDecision:
    """What to do with one claim, and what it must request meanwhile."""

    action: StorageAction
    size: str
    """The size to write in the claim: the wanted one, or the one it has when that cannot be."""
    storage_class: str | None
    """The class to write in the claim; None leaves it out."""
    message: str | None = None
    """Why it is refused and what is allowed; None unless `action.refused`."""


def storage_decision(
    field: str,
    wanted_size: str,
    wanted_class: str | None,
    live_size: str | None,
    live_class: str | None,
    class_allows_growth: bool | None,
    *,
    class_was_set: bool = False,
) -> StorageDecision:
    """What to do with a claim of `live_size` when the spec asks for `wanted_size` (both quantities).

    Args:
        field: the field of the spec, for the message (`spec.storage.size`).
        wanted_size: the size that the spec asks for.
        wanted_class: the class that the spec asks for; None accepts any.
        live_size: `spec.resources.requests.storage` of the claim; None when there is no claim yet.
        live_class: `spec.storageClassName` of the claim; None when it has none.
        class_allows_growth: `allowVolumeExpansion` of the claim's class; None when it was not looked up. A claim
            without a class, or whose class is gone, is to be passed as False.
        class_was_set: whether the class was set when the claim was applied, for an earlier base of this name perhaps.
            It is then set again: what server-side apply no longer sets it takes away, and a class cannot change.

    Raises:
        InvalidQuantityError: a size is not a quantity.
    """
    if live_size is None:
        return StorageDecision(StorageAction.KEEP, wanted_size, wanted_class)
    kept_class = live_class if wanted_class is not None or class_was_set else None
    if wanted_class is not None and wanted_class != live_class:
        message = (
            f"{field.removesuffix('size')}storageClassName is {wanted_class}, but the volume is of class "
            f"{live_class or 'none'}, and the class of an existing volume cannot change; nor can the field: make the "
            f"base anew with {live_class or 'null'}"
        )
        return StorageDecision(StorageAction.REFUSE_CLASS, live_size, kept_class, message)
    wanted, live = quantity_value(wanted_size), quantity_value(live_size)
    if wanted < live:
        message = (
            f"{field} is {wanted_size}, but the volume has {live_size}: a volume cannot shrink; "
            f"ask for {live_size} or more"
        )
        return StorageDecision(StorageAction.REFUSE_SHRINK, live_size, kept_class, message)
    if wanted == live:
        return StorageDecision(StorageAction.KEEP, live_size, kept_class)
    if class_allows_growth is None:
        return StorageDecision(StorageAction.ASK_CLASS, live_size, kept_class)
    if not class_allows_growth:
        message = (
            f"{field} is {wanted_size}, but the volume has {live_size} and its class {live_class or '(none)'} does not "
            "allow growth; set allowVolumeExpansion of the class to true if its storage can grow, or make the base "
            f"anew with {live_size} (spec.deletionPolicy Retain keeps its volumes): the field itself cannot shrink"
        )
        return StorageDecision(StorageAction.REFUSE_GROW, live_size, kept_class, message)
    return StorageDecision(StorageAction.GROW, wanted_size, kept_class)
