"""A first login is asked for in the browser that we sent to the ENT, and nowhere else. Pure.

Whoever has an account of the ENT can get a ticket, not use it, and send its address to somebody else. That person's
browser would show our page, ask for a password of PRONOTE, and tie the sender's account of the ENT to it. So a ticket
that would lead to a first login is not enough: the browser is sent to the ENT once more, to come back to an address
with a number drawn by lot, which its cookie has, too. A ticket is good for the address that it was made for, and nobody
else knows that one. ENTs are told to accept every address that begins with that of the site.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pronote_net.cas import Person
    from pronote_net.site import Delegation

PARAMETER: Final = "depart"
"""Parameter of a page's address that has the number."""

NUMBER: Final = re.compile(r"[0-9a-f]{32}")

MAX_ACCOUNT: Final = 500
"""Longest description of an account, characters."""

MAX_NAME: Final = 100


def new_number() -> str:
    """Draw a number: 128 bits."""
    return secrets.token_hex(16)


def service_of(page: str, number: str) -> str:
    """Return the address that a browser comes back to, and that its ticket is made for.

    Args:
        page: URL of an Espace's page.
        number: Empty for a departure that is no first login's.
    """
    return f"{page}?{PARAMETER}={number}" if number else page


def described(person: Person, delegation: Delegation) -> str:
    """Return how a person sees which account of the ENT it is: its name, and the person's where the ENT tells it."""
    names = delegation.identification.attributes
    told = {name.lower(): values for name, values in person.attributes.items()}
    parts = [told.get(name.lower(), [""])[0].strip()[:MAX_NAME] for name in (names.first_name, names.last_name)]
    name = " ".join(part for part in parts if part)
    return shown(f"{name} ({person.user})" if name else person.user)


def shown(account: str) -> str:
    """Return a description of an account as it may be shown; empty when it is none that we have written."""
    return account if len(account) <= MAX_ACCOUNT and account.isprintable() else ""
