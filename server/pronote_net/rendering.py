"""Pages: templates and what holds for every one of them.

pronotepy takes any page with the two capital letters that stand for an address on the Internet as the page of a
suspended address. Names of schools and people may hold them, too (`PHILIPPE`), so that every other page is
written with one of the two letters as a character reference, which browsers show all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from pronote_net import assets, french
from pronote_net.espaces import SECTION_TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUSPENDED_WORD: Final = "IP"

_environment: Final = Environment(
    loader=PackageLoader("pronote_net", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    long_date=french.long_date,
    day_and_month=french.day_and_month,
    short_date=french.short_date,
    clock=french.clock,
    weekday=lambda day: french.DAYS[day.weekday()],
    figure=french.figure,
)
_environment.globals.update(
    style=assets.STYLE.name, script=assets.SCRIPT.name, icon=assets.ICON.name, section_titles=SECTION_TITLES
)


def page(
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    suspended: bool = False,
) -> HTMLResponse:
    """Return a page.

    Args:
        template: File name.
        values: What it shows; `root` is the path of all pages.
        suspended: It is the page of a suspended address.
    """
    text = _environment.get_template(template).render(values)
    if not suspended:
        text = text.replace(_SUSPENDED_WORD, "I&#80;")
    return HTMLResponse(text, status_code=status, headers=headers)
