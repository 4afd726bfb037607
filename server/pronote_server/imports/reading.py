"""Reads an XML file, or the one in a zip, with bounds: an entity bomb, a zip bomb or a broken file is refused."""

from __future__ import annotations

import io
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

MAX_BYTES: Final = 64 * 1024 * 1024
"""Largest XML file, unpacked: some ten times the largest school's."""

MAX_DEPTH: Final = 32
"""Deepest element; real files have some ten levels."""

MAX_TEXT: Final = 2000
"""Longest text that is taken, characters."""


class FileRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The file is not imported; the message says why and names nobody."""


class _Bounded(io.RawIOBase):
    """A stream that gives at most `MAX_BYTES`."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._left = MAX_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._source.read(min(size, 65536) if size >= 0 else 65536)
        self._left -= len(content)
        if self._left < 0:
            raise FileRefused(f"The file is larger than {MAX_BYTES} bytes.")
        return content


@contextmanager
def opened(path: Path) -> Iterator[list[tuple[str, io.RawIOBase]]]:
    """Open a file, or every XML member of a zip; yields names and bounded streams.

    Raises:
        FileRefused: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                file.seek(0)
                yield [(path.name, _Bounded(file))]
                return
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                members = [one for one in archive.infolist() if one.filename.lower().endswith(".xml")]
                if not 1 <= len(members) <= MAX_MEMBERS:
                    raise FileRefused(f"The zip holds {len(members)} XML files instead of 1 to {MAX_MEMBERS}.")
                if any(member.flag_bits & 1 for member in members):
                    raise FileRefused("The zip is encrypted.")
                yield [(path.name, _Bounded(archive.open(member))) for member in members]
    except OSError as error:
        raise FileRefused(f"The file cannot be read: {error.strerror or 'fault of the volume'}.") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        raise FileRefused("The zip is damaged.") from None


MAX_MEMBERS: Final = 8
"""XML files of one zip."""


def elements(stream: io.RawIOBase) -> Iterator[tuple[tuple[str, ...], Element]]:
    """Yield the root as soon as it is begun, then each element once it is whole, with the names from the root to it.

    A record is freed when the caller has seen it, so that memory does not grow with the file.

    Raises:
        FileRefused: It is not well-formed, is too deep or too large, or declares entities.
    """
    path: list[str] = []
    parents: list[Element] = []
    try:
        for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                path.append(element.tag)
                parents.append(element)
                if len(path) > MAX_DEPTH:
                    raise FileRefused("The file is nested too deeply.")
                if len(path) == 1:
                    yield tuple(path), element
                continue
            yield tuple(path), element
            path.pop()
            parents.pop()
            if len(path) <= FREED_DEPTH and parents:
                parents[-1].remove(element)
    except DefusedXmlException:
        raise FileRefused("The file declares a document type or entities: no export of STS or SIECLE does.") from None
    except (ParseError, LookupError, ValueError):
        raise FileRefused("The file is not well-formed XML in the encoding that it declares.") from None


FREED_DEPTH: Final = 3
"""Elements in one that is this deep or less are freed when they are whole: root, DONNEES, the list of records."""


def text_of(element: Element, name: str) -> str:
    """Return the text of a child, without spaces around it; empty when there is none.

    Raises:
        FileRefused: It is too long or not printable.
    """
    text = (element.findtext(name) or "").strip()
    if len(text) > MAX_TEXT or not text.isprintable():
        raise FileRefused(f"A {name} is too long or holds control characters.")
    return text
