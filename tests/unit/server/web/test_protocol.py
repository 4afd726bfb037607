"""The web protocol's messages: what clients of both generations send is read; anything else is refused, in bounds."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.web.cipher import NO_KEY, NO_VECTOR, decrypt, encrypt, md5
from pronote_server.web.coding import Coding, CodingName
from pronote_server.web.protocol import (
    BEFORE_2025,
    MAX_DATA_BYTES,
    SINCE_2025,
    Keys,
    Names,
    ProtocolError,
    answer,
    read_envelope,
    read_message,
    read_order,
    write_order,
)

FRESH = Keys(NO_KEY, NO_VECTOR)
LATER = Keys(md5(b"key"), md5(b"vector"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
json_objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)
generations = st.sampled_from([SINCE_2025, BEFORE_2025])
codings = st.sampled_from([name.coding for name in CodingName])


def _coded(data: dict[str, Any], coding: Coding, keys: Keys) -> dict[str, Any] | str:
    """Code data as a client does: compressed as the hexadecimal digits of the JSON."""
    if coding.plain:
        return data
    raw = json.dumps(data).encode()
    if coding.compressed:
        compressor = zlib.compressobj(6, wbits=-15)
        raw = compressor.compress(raw.hex().encode()) + compressor.flush()
    if coding.encrypted:
        raw = encrypt(keys.key, keys.vector, raw)
    return raw.hex().upper()


def _body(names: Names, function: str, content: object) -> bytes:
    return json.dumps({"session": 1, names.order: "00", names.function: function, names.data: content}).encode()


def test_the_first_order_number_is_the_one_that_clients_know() -> None:
    assert write_order(FRESH, 1) == "3fa959b13967e0ef176069e01e23c8d7"
    assert read_order(FRESH, "3fa959b13967e0ef176069e01e23c8d7") == 1


@given(st.integers(0, 10**9))
def test_an_order_number_is_read_with_its_own_keys_only(number: int) -> None:
    text = write_order(LATER, number)
    assert read_order(LATER, text) == number
    with pytest.raises(ProtocolError):
        read_order(FRESH, text)


@given(names=generations, coding=codings, data=json_objects, tab=st.integers(0, 200))
def test_what_a_client_codes_is_read(names: Names, coding: Coding, data: dict[str, Any], tab: int) -> None:
    sent = {names.inner: data, names.signature: {"onglet": tab}}
    envelope = read_envelope(_body(names, "Navigation", _coded(sent, coding, LATER)))
    message = read_message(envelope, coding, LATER)
    assert envelope.function == "Navigation"
    assert (message.data, message.signature) == (data, {"onglet": tab})


@given(names=generations, coding=codings, data=json_objects)
def test_what_is_answered_is_coded_as_clients_read_it(names: Names, coding: Coding, data: dict[str, Any]) -> None:
    envelope = read_envelope(_body(names, "Navigation", {}))
    sent = json.loads(json.dumps(answer(envelope, coding, LATER, 7, 4, data)))
    assert read_order(LATER, sent[names.order]) == 4
    content = sent[names.data]
    if not coding.plain:
        raw = bytes.fromhex(content)
        if coding.encrypted:
            raw = decrypt(LATER.key, LATER.vector, raw)
        content = json.loads(zlib.decompress(raw, wbits=-15) if coding.compressed else raw)
    assert content[names.inner] == data


@given(st.binary(max_size=99) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_message_or_refused(body: bytes) -> None:
    with suppress(ProtocolError):
        read_message(read_envelope(body), CodingName.CLEAR.coding, FRESH)


@given(coding=codings, content=st.text(max_size=99) | st.binary(max_size=99).map(bytes.hex) | json_objects)
def test_any_data_is_opened_or_refused(coding: Coding, content: object) -> None:
    envelope = read_envelope(_body(SINCE_2025, "Navigation", content))
    with suppress(ProtocolError):
        read_message(envelope, coding, LATER)


@given(st.text(max_size=100))
def test_any_order_is_a_number_or_refused(text: str) -> None:
    with suppress(ProtocolError):
        read_order(FRESH, text)


def test_data_that_inflates_past_the_bound_is_refused() -> None:
    bomb = zlib.compress(json.dumps({"data": {"x": "a" * MAX_DATA_BYTES}}).encode().hex().encode(), 9)[2:-4]
    assert len(bomb) < 10_000
    envelope = read_envelope(_body(SINCE_2025, "Navigation", bomb.hex()))
    with pytest.raises(ProtocolError):
        read_message(envelope, CodingName.COMPRESSED.coding, FRESH)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 60_000,
        b'{"id":"' + b"x" * 65 + b'","dataSec":{}}',
        b'{"id":7,"dataSec":{}}',
        b'{"id":"x","dataSec":[]}',
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_malformed_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_envelope(body)


def test_data_in_clear_is_refused_where_it_must_be_coded() -> None:
    envelope = read_envelope(_body(SINCE_2025, "Navigation", {"data": {}}))
    for name in (CodingName.COMPRESSED, CodingName.ENCRYPTED, CodingName.BOTH):
        with pytest.raises(ProtocolError):
            read_message(envelope, name.coding, FRESH)
