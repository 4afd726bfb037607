"""A light client of the Espaces' web protocol: hundreds of sessions in one process, each exactly one message ahead.

Written from what public clients send. Unlike pronotepy it never logs in again by itself: a session that the server no
longer knows is `SessionLost`, and a message that was not answered may be sent again under its number.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

Data = dict[str, Any]

LOST = frozenset({10, 11, 22})
"""The protocol's errors that mean: this session, or this page of it, is over."""

TIMEOUT = aiohttp.ClientTimeout(total=30)

_BLOCK_BITS = 128
_START = re.compile(r"Start ?\(\{([^}]*)\}\)")


class WebClientError(Exception):
    """A message was not answered as it should be.

    Args:
        status: of HTTP.
        code: the protocol's own error; 0 when there is none.
    """

    def __init__(self, message: str, *, status: int = 200, code: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class SessionLost(WebClientError):  # noqa: N818 - what happened, not what went wrong
    """The server does not know the session any more."""


class LoginRefused(WebClientError):  # noqa: N818
    """Wrong name or password."""


@dataclass
class Channel:
    """What both sides of a session agree on: key, vector, and the number of the next message."""

    session: str
    espace: str
    encrypted: bool
    compressed: bool
    key: bytes = field(default_factory=lambda: _md5(b""), repr=False)
    vector: bytes = field(default=bytes(16), repr=False)
    order: int = 1

    @property
    def number(self) -> str:
        """The next message's number, as it is sent."""
        return encrypt(self.key, self.vector, str(self.order).encode()).hex()

    def sealed(self, name: str, data: Data) -> tuple[str, Data]:
        """The end of the URL, and the body, of the next message."""
        content: Data | str = data
        if self.compressed or self.encrypted:
            text = json.dumps(data).encode()
            if self.compressed:
                text = _deflate(text.hex().encode())
            if self.encrypted:
                text = encrypt(self.key, self.vector, text)
            content = text.hex().upper()
        number = self.number
        body = {"session": int(self.session), "no": number, "id": name, "dataSec": content}
        return f"appelfonction/{self.espace}/{self.session}/{number}", body

    def opened(self, answer: Data) -> Data:
        """What an answer says; the next message comes after it."""
        content = answer["dataSec"]
        if isinstance(content, str):
            text = bytes.fromhex(content)
            if self.encrypted:
                text = decrypt(self.key, self.vector, text)
            if self.compressed:
                text = zlib.decompress(text, wbits=-15)
            content = json.loads(text)
        self.order += 2
        found: Data = content.get("data", {})
        return found


class WebClient:
    """One visitor.

    Args:
        http: shared by many; connections are kept per address, so that visitors look to replicas as behind a proxy.
        page: URL of an Espace's page.
    """

    def __init__(self, http: aiohttp.ClientSession, page: str, headers: dict[str, str] | None = None) -> None:
        self._http = http
        self._page = page
        self._root = urljoin(page, ".")
        self._headers = headers or {}
        self._channel: Channel | None = None
        self.parameters: Data = {}
        self.user: Data = {}

    @property
    def channel(self) -> Channel:
        """Of the session."""
        assert self._channel is not None, "no page was opened"
        return self._channel

    async def open(self) -> dict[str, str]:
        """Open the page: a session of nobody; what the page hands to the client.

        Raises:
            WebClientError: the page is not one.
        """
        async with self._http.get(self._page, headers=self._headers, timeout=TIMEOUT) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise WebClientError(text[:200], status=answer.status)
        found = _START.search(text)
        if not found:
            raise WebClientError(f"this is no page of an Espace: {text[:200]}")
        given = dict(_pair(part) for part in found[1].split(","))
        self._channel = Channel(given["h"], given["a"], "CrA" in given, "CoA" in given)
        vector = secrets.token_bytes(16)
        name = {"Uuid": base64.b64encode(vector).decode(), "identifiantNav": None}
        self.parameters = await self.ask("FonctionParametres", name, vector=_md5(vector))
        return given

    async def log_in(self, username: str, password: str) -> None:
        """Open the page and log in directly.

        Raises:
            LoginRefused: wrong name or password.
            WebClientError: something else went wrong.
        """
        await self.open()
        await self.log_in_here(username, password)

    async def log_in_here(self, username: str, password: str) -> None:
        """Log in directly from the page that was opened; errors as of `log_in`."""
        asked = await self._identify(username, ent=False)
        # The server says which of the two it compares without regard to case.
        username = username.lower() if asked["modeCompLog"] else username
        password = password.lower() if asked["modeCompMdp"] else password
        digest = hashlib.sha256((asked.get("alea", "") + password).encode()).hexdigest().upper()
        await self._prove(asked, _md5((username + digest).encode()))

    async def log_in_from_ent(self) -> None:
        """Log in by the one-time login that the page hands over after the ENT's ticket."""
        given = await self.open()
        await self.log_in_once(given["e"], given["f"])

    async def log_in_once(self, login: str, password: str) -> None:
        """Log in by a one-time login from the page that was opened.

        Raises:
            LoginRefused: it is none, was used, or has ended.
            WebClientError: something else went wrong.
        """
        asked = await self._identify(login, ent=True)
        digest = hashlib.sha256(password.encode()).hexdigest().upper()
        await self._prove(asked, _md5(digest.encode()))

    async def stay(self) -> None:
        """Say that the person is still there, as a page does every two minutes."""
        await self.ask("Navigation", {"onglet": 7, "ongletPrec": 7}, tab=7)

    async def week(self, number: int) -> list[Data]:
        """The lessons of a week, counted from the first of the school year."""
        person = self.user["ressource"]
        wanted = {"ressource": person, "Ressource": person, "NumeroSemaine": number, "numeroSemaine": number}
        found = await self.ask("PageEmploiDuTemps", wanted, tab=16)
        lessons: list[Data] = found["ListeCours"]
        return lessons

    async def ask(self, name: str, data: Data | None = None, *, tab: int = 0, vector: bytes | None = None) -> Data:
        """Send the next message. When it is not answered, the same call sends it again under the same number.

        Args:
            tab: number of the page it is sent from.
            vector: from the answer on.

        Raises:
            SessionLost: the session is over.
            WebClientError: the protocol's other errors, or an answer that is none.
            aiohttp.ClientError: no answer.
            TimeoutError: likewise.
        """
        channel = self.channel
        content: Data = {"Signature": {"onglet": tab}} if tab else {}
        if data:
            content["data"] = data
        path, body = channel.sealed(name, content)
        answer = await self.post(path, body)
        if vector is not None:
            channel.vector = vector
        return channel.opened(answer)

    async def post(self, path: str, body: object) -> Data:
        """Any call below the page, as it is; the answer.

        Raises:
            SessionLost: the session is over.
            WebClientError: an error, of the protocol or of HTTP.
        """
        url = self._root + path
        async with self._http.post(url, json=body, headers=self._headers, timeout=TIMEOUT) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise WebClientError(text[:200], status=answer.status)
        found: Data = json.loads(text)
        if error := found.get("Erreur"):
            kind = SessionLost if error["G"] in LOST else WebClientError
            raise kind(str(error.get("Titre")), code=int(error["G"]))
        return found

    async def _identify(self, username: str, *, ent: bool) -> Data:
        who = {
            "genreConnexion": 0,
            "genreEspace": int(self.channel.espace),
            "identifiant": username,
            "pourENT": ent,
            "enConnexionAuto": False,
            "demandeConnexionAuto": False,
            "demandeConnexionAppliMobile": False,
            "demandeConnexionAppliMobileJeton": False,
            "enConnexionAppliMobile": False,
            "uuidAppliMobile": "",
            "loginTokenSAV": "",
        }
        return await self.ask("Identification", who)

    async def _prove(self, asked: Data, key: bytes) -> None:
        channel = self.channel
        proof = encrypt(key, channel.vector, asked["challenge"].encode()).hex()
        answer = {"connexion": 0, "challenge": proof, "espace": int(channel.espace)}
        found = await self.ask("Authentification", answer)
        if "cle" not in found:
            raise LoginRefused("wrong name or password")
        numbers = decrypt(key, channel.vector, bytes.fromhex(found["cle"])).decode()
        channel.key = _md5(bytes(int(number) for number in numbers.split(",")))
        self.user = await self.ask("ParametresUtilisateur")


def encrypt(key: bytes, vector: bytes, text: bytes) -> bytes:
    """AES in CBC mode with PKCS #7 padding."""
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()


def decrypt(key: bytes, vector: bytes, text: bytes) -> bytes:
    """The other way.

    Raises:
        ValueError: it was not encrypted so.
    """
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    return unpadder.update(decryptor.update(text) + decryptor.finalize()) + unpadder.finalize()


def _pair(text: str) -> tuple[str, str]:
    name, value = text.split(":")
    return name.strip(" '\""), value.strip(" '\"")


def _deflate(text: bytes) -> bytes:
    return zlib.compress(text, 6)[2:-4]


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).digest()
