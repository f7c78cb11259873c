# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket is to be, from what it is, as different stores tell it: what says the same is left alone."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.settings import SETTINGS, Wanted

WANTED = Wanted("copias", 14, "COMPLIANCE", 7)
WANT = {setting.name: setting.want for setting in SETTINGS}


@pytest.mark.parametrize("name", sorted(WANT))
def test_what_is_wanted_is_wanted_no_more_once_it_is_there(name: str) -> None:
    first = WANT[name](None, WANTED)
    assert first
    assert WANT[name](copy.deepcopy(first), WANTED) == first


@pytest.mark.parametrize(
    "form",
    [{"Filter": {}}, {"Filter": {"Prefix": ""}}, {"Prefix": ""}, {"Prefix": "", "Filter": {}}, {}],
    ids=str,
)
def test_a_lifecycle_rule_of_all_keys_is_the_same_however_a_store_writes_it(form: dict[str, t.Any]) -> None:
    (ours,) = WANT["lifecycle"](None, WANTED)
    told = [{**{name: value for name, value in ours.items() if name != "Filter"}, **form}]
    assert WANT["lifecycle"](told, WANTED) is not None
    assert WANT["lifecycle"](copy.deepcopy(told), WANTED) == told
    of_a_part = [{**ours, "Filter": {"Prefix": "a/"}}]
    assert WANT["lifecycle"](of_a_part, WANTED) == [ours]


def test_what_an_administrator_has_set_besides_stays() -> None:
    kms = [{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}]
    assert WANT["encryption"](kms, WANTED) == kms
    own = {"ID": "propia", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
    assert WANT["lifecycle"]([own], WANTED)[0] == own
    statement = {"Sid": "Auditoria", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "x"}
    policy = WANT["policy"]({"Version": "2012-10-17", "Statement": statement}, WANTED)
    assert policy["Statement"][0] == statement
    years = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}}}
    assert WANT["object_lock"](years, Wanted("copias", None, "COMPLIANCE", 7)) == years


def test_the_statement_for_tls_is_known_as_aws_and_others_give_it_back() -> None:
    policy = WANT["policy"](None, WANTED)
    told = copy.deepcopy(policy)
    told["Statement"][0].update({"Principal": {"AWS": "*"}, "Action": ["s3:*"]})
    assert WANT["policy"](told, WANTED) is told
    told["Statement"][0]["Effect"] = "Allow"
    (statement,) = WANT["policy"](told, WANTED)["Statement"]
    assert statement["Effect"] == "Deny"
