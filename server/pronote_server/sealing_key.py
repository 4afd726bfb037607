"""The key that seals verifiers, for commands that set passwords while they know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.config import net_folder
from pronote_server.errors import StartError
from pronote_server.web.key_files import KeyFileError, read_verifier_key
from pronote_server.web.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Mapping


def sealer_of(environment: Mapping[str, str]) -> Sealer | None:
    """Return what seals verifiers, or None when `PRONOTE_NET` is not set: the base is then not published.

    Raises:
        StartError: The key cannot be used.
    """
    folder = net_folder(environment)
    if folder is None:
        return None
    try:
        return Sealer(read_verifier_key(folder))
    except KeyFileError as error:
        raise StartError(f"PRONOTE_NET cannot be used: {error}") from None
