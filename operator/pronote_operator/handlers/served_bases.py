"""What the passes over bases came to, as far as publications need it: nothing is kept for a base that has none."""

from __future__ import annotations

from collections.abc import Callable

from pronote_operator.builders.names import Names
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.facts import StatefulSetFacts


class ServedBases:
    """Facts about bases.

    Args:
        published: whether a publication names the base.
        changed: called with a base whose facts changed.
    """

    def __init__(self, book: ChildBook, *, published: Callable[[Key], bool], changed: Callable[[Key], None]) -> None:
        self._book = book
        self._published = published
        self._changed = changed
        self._passed: set[Key] = set()
        self._seen: dict[Key, tuple[StatefulSetFacts | None, int]] = {}

    def note(self, base: Key) -> None:
        """A pass over a base ended."""
        first = base not in self._passed
        self._passed.add(base)
        if not self._published(base):
            self._seen.pop(base, None)
            return
        facts, count = self.facts(base), self.changes(base)
        if first or base not in self._seen or self._seen[base][0] != facts:
            self._seen[base] = (facts, count + 1)
            self._changed(base)

    def forget(self, base: Key) -> None:
        """A base is gone."""
        self._passed.discard(base)
        self._seen.pop(base, None)

    def passed(self, base: Key) -> bool:
        """Whether a pass over the base ended since this operator leads."""
        return base in self._passed

    def facts(self, base: Key) -> StatefulSetFacts | None:
        """Of its StatefulSet, as the last pass found it; None when there is none."""
        child = self._book.of(base).get(("StatefulSet", Names(base.name).statefulset))
        return child.facts if child is not None and isinstance(child.facts, StatefulSetFacts) else None

    def changes(self, base: Key) -> int:
        """How often the facts changed: what a server said before is to be asked again after each time."""
        return self._seen[base][1] if base in self._seen else 0
