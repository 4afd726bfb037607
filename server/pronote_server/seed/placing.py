"""Places lessons into a week so that neither a class nor a teacher is in two of them at once. Pure.

Lessons are edges between classes and teachers, places of the week their colours. A bipartite graph can be coloured with
as many colours as its busiest node has edges (Kőnig 1916): where no place is free for both, two places are exchanged
along a chain of lessons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

Node = tuple[str, int]
"""`("class", n)` or `("teacher", n)`."""


class TooManyLessons(Exception):  # noqa: N818 - an answer, not a fault
    """A class or a teacher has more lessons than the week has places."""


def place(lessons: Sequence[tuple[int, int]], places: int, chance: Random) -> list[int]:
    """Return a place for each lesson.

    Args:
        lessons: Class and teacher of each.
        places: Places of the week, numbered from 0.
        chance: Chooses among free places.

    Raises:
        TooManyLessons: There is no solution.
    """
    taken: dict[Node, dict[int, int]] = {}
    placed = [-1] * len(lessons)
    for number, (class_number, teacher) in enumerate(lessons):
        ends = ("class", class_number), ("teacher", teacher)
        first, second = (taken.setdefault(end, {}) for end in ends)
        free_first = [one for one in range(places) if one not in first]
        free_second = [one for one in range(places) if one not in second]
        if not free_first or not free_second:
            raise TooManyLessons
        both = sorted(set(free_first) & set(free_second))
        if both:
            chosen = chance.choice(both)
        else:
            chosen, other = free_first[0], free_second[0]
            _exchange(taken, placed, lessons, ends[1], chosen, other)
        placed[number] = chosen
        first[chosen] = second[chosen] = number
    return placed


def _exchange(
    taken: dict[Node, dict[int, int]],
    placed: list[int],
    lessons: Sequence[tuple[int, int]],
    start: Node,
    one: int,
    other: int,
) -> None:
    """Exchange two places along the chain of lessons that begins at a node with the first of them."""
    chain, node, colour = [], start, one
    while colour in taken[node]:
        number = taken[node][colour]
        chain.append(number)
        class_number, teacher = lessons[number]
        node = ("teacher", teacher) if node[0] == "class" else ("class", class_number)
        colour = other if colour == one else one
    for number in chain:
        for end in _ends(lessons[number]):
            taken[end].pop(placed[number], None)
    for number in chain:
        placed[number] = other if placed[number] == one else one
        for end in _ends(lessons[number]):
            taken[end][placed[number]] = number


def _ends(lesson: tuple[int, int]) -> tuple[Node, Node]:
    return ("class", lesson[0]), ("teacher", lesson[1])
