"""The file of pupils: read whole or refused with line and field, whatever it holds."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.pupil_file import PupilFileError, parse_pupils
from pronote_server.storage.school import NewPupil

HEADER = "nationalId,lastName,firstName,birthDate,class\n"
LINE = "060000001AB,Moreau,Zoé,2014-05-31,6A\n"


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + LINE).encode(),
        b"\xef\xbb\xbf" + (HEADER + LINE).replace("\n", "\r\n").replace(",", ";").encode(),
        b"class,birthDate,firstName,lastName,nationalId\n\n6A,2014-05-31, Zo\xc3\xa9 ,Moreau,060000001AB",
    ],
)
def test_commas_semicolons_line_ends_and_order_of_columns_do_not_matter(content: bytes) -> None:
    pupils = [pupil for _, pupil in parse_pupils(content)]
    assert pupils == [NewPupil("060000001AB", "Moreau", "Zoé", date(2014, 5, 31), "6A")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: must name the columns"),
        (LINE, "line 1: must name the columns"),
        (HEADER + "x\n", "line 2: has 1 fields instead of 5"),
        (HEADER + LINE + LINE, "line 3: nationalId: is the same as on line 2"),
        (HEADER + LINE.replace("060000001AB", "SECRET"), "line 2: nationalId: must be eleven"),
        (HEADER + LINE.replace("Moreau", ""), "line 2: lastName: must have 1 to 100"),
        (HEADER + LINE.replace("Zoé", "SEC\tRET"), "line 2: firstName: must have 1 to 100"),
        (HEADER + LINE.replace("6A", "6" * 31), "line 2: class: must have 1 to 30"),
        (HEADER + LINE.replace("2014-05-31", "31/05/2014"), "line 2: birthDate: must be a date"),
        (HEADER + LINE.replace("2014-05-31", "2014-02-30"), "line 2: birthDate: must be a date"),
        (HEADER + LINE.replace("Moreau", '"Moreau'), "is not valid CSV"),
        (HEADER + LINE + "x\n" * 50, "line 3: has 1 fields instead of 5; line 4: has 1"),
    ],
)
def test_a_refusal_names_line_and_field_and_never_a_value(content: str, told: str) -> None:
    with pytest.raises(PupilFileError) as refused:
        parse_pupils(content.encode())
    assert told in str(refused.value)
    assert "SEC" not in str(refused.value)
    assert str(refused.value).count("line ") <= 11


def test_another_encoding_is_told_with_its_line() -> None:
    with pytest.raises(PupilFileError, match="line 2: is not UTF-8"):
        parse_pupils((HEADER + LINE).encode("iso-8859-15"))


@given(
    st.binary(max_size=300)
    | st.text(alphabet='6A,;"\n\r\t 2014-é\0', max_size=100).map(lambda t: (HEADER + t).encode())
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(PupilFileError):
        parse_pupils(content)
