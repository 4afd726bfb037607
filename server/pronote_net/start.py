"""What the page of an Espace hands to clients of the web protocol. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from pronote_net.upstream import away

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAFE: Final = re.compile(r"[0-9A-Za-z_-]{1,256}")
"""Clients split at `,` and `:` and stop at `}`; nothing here needs escaping in HTML either."""


def start_call(answer: Mapping[str, Any], login: str = "", password: str = "") -> Markup:
    """Return `Start ({h:'…',a:3,…})` for the attribute `data-session` of a page.

    Args:
        answer: Of the server: `session`, `espaceId`, `encrypted`, `compressed`.
        login: One-time login of a delegated visitor.
        password: Its password.

    Raises:
        Refused: The answer is not as agreed.
    """
    session, number = str(answer.get("session", "")), answer.get("espaceId")
    given = [session, *([login, password] if login else [])]
    if not isinstance(number, int) or not all(_SAFE.fullmatch(text) for text in given):
        raise away()
    parts = [f"h:'{session}'", f"a:{number}"]
    parts += ["CrA:true"] if answer.get("encrypted") else []
    parts += ["CoA:true"] if answer.get("compressed") else []
    parts += [f"e:'{login}'", f"f:'{password}'"] if login else []
    return Markup("Start ({" + ",".join(parts) + "})")  # noqa: S704 - every part was looked at
