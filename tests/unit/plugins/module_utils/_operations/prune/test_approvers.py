# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may approve: what is wrong with the list is told before any step begins."""

from __future__ import annotations

import base64
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.approvers import (
    Approver,
    Approvers,
    approvers_of,
    make_approvers,
)


def public_key(kind: str, *fields: bytes, comment: str = " ana@pc") -> str:
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(blob).decode()}{comment}"


def rsa(bits: int) -> str:
    return public_key("ssh-rsa", b"\x01\x00\x01", (1 << (bits - 1)).to_bytes(bits // 8 + 1, "big"))


ONE, TWO = public_key("ssh-ed25519", b"1" * 32), public_key("ssh-ed25519", b"2" * 32)


def given(*keys: str, required: t.Any = 1, **more: t.Any) -> dict[str, t.Any]:
    people = [{"name": f"person{number}", "public_key": key, **more} for number, key in enumerate(keys)]
    return {"required": required, "approvers": people}


def test_people_are_known_by_name_and_key_without_the_comment() -> None:
    made = make_approvers(
        given(TWO, ONE, rsa(3072), public_key("sk-ssh-ed25519@openssh.com", b"1", b"ssh:"), required=2)
    )
    assert made.required == 2
    assert [one.name for one in made.people] == ["person0", "person1", "person2", "person3"]
    assert made.people[0].public_key == TWO.rsplit(" ", 1)[0]
    assert approvers_of(made.record()) == made


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([ONE], "not a mapping"),
        (given(ONE, required=2), "requires 2 signatures of 1 people"),
        (given(ONE, required=0), "requires 0 signatures"),
        (given(ONE, required="two"), "two"),
        (given(ONE, ONE.replace("ana", "beatriz")), "same name or the same key"),
        ({"required": 1, "approvers": [{"name": "a", "public_key": key} for key in (ONE, TWO)]}, "same name or"),
        (given(ONE, email="x"), "email"),
        ({**given(ONE), "requiered": 2}, "requiered"),
        ({"required": 1}, "approvers"),
        (given(ONE, valid_before="soon"), "'soon' is not a date"),
        ({"required": 1, "approvers": [{"name": "*", "public_key": ONE}]}, "only letters"),
        ({"required": 1, "approvers": [{"name": "ana,beatriz", "public_key": ONE}]}, "only letters"),
        (given(rsa(2048)), "shorter than 3072 bits"),
        (given(public_key("ssh-dss", b"1")), "of a kind that is accepted"),
        (given(f"cert-authority {ONE}"), "of a kind that is accepted"),
        (given(ONE.replace("ssh-ed25519", "ssh-rsa")), "of a kind that is accepted"),
        (given("ssh-ed25519 AAAA"), "of a kind that is accepted"),
        (given(f"{ONE}\n* {TWO}"), "of a kind that is accepted"),
        (given("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"), "of a kind that is accepted"),
    ],
)
def test_what_makes_no_sense_is_one_clear_message(options: t.Any, says: str) -> None:
    with pytest.raises(Refused, match="Could not use the approvers") as error:
        make_approvers(options)
    assert says in error.value.message
    assert "BEGIN" not in error.value.message


def test_fewer_approvers_earlier_ends_and_more_signatures_need_nobody() -> None:
    a, b, c = (Approver(name, name) for name in "abc")
    all_three = Approvers(2, (a, b, c))
    early = Approver("b", "b", "2026-12-01")
    for wanted, expected in (
        (Approvers(2, (a, b)), Approvers(2, (a, b))),
        (Approvers(3, (a, b, c)), Approvers(3, (a, b, c))),
        (Approvers(1, (a, b, c)), all_three),
        (Approvers(2, (a, early, c)), Approvers(2, (a, early, c))),
        (Approvers(2, (a, b, Approver("c", "another key"))), Approvers(2, (a, b))),
        (Approvers(2, (a, Approver("m", "m"), Approver("n", "n"))), all_three),
        (Approvers(0, ()), all_three),
    ):
        assert all_three.tightened(wanted) == expected
    assert Approvers(2, (a, early)).tightened(Approvers(2, (a, b))).people == (a, early)
