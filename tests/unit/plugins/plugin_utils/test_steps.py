# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of each step returned becomes what its report says."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils import _steps
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.infitulua.backup.plugins.plugin_utils._outcome import Result

ENGLISH = catalogue("en")
A, B = "srv/a/20261122T030000Z", "srv/b/20261122T030000Z"
NOT_RUN: tuple[dict[str, t.Any], ...] = (
    {},
    {"skipped": True, "changed": False},
    {"unreachable": True, "msg": "timed out"},
)

Entries = list[dict[str, t.Any]]


def one(set_id: str, *, changed: bool = True, **facts: t.Any) -> dict[str, t.Any]:
    return {"id": set_id, "source": set_id.split("/")[1], "bytes": 10, "changed": changed, **facts}


def said(entries: Entries) -> list[tuple[str, str]]:
    """What each entry is, and of what."""
    return [(entry["what"], entry.get("id") or entry.get("subject") or entry.get("source", "")) for entry in entries]


def messages(entries: Entries) -> list[str]:
    return [entry["message"] for entry in entries if entry["what"] == "warning"]


def backed_up(
    results: _steps.Results, *, check_mode: bool = False, encrypted: bool = True, sources: int = 2
) -> Entries:
    return _steps.backed_up(results, ENGLISH, check_mode=check_mode, encrypted=encrypted, sources=sources)


def verified(results: _steps.Results, *, check_mode: bool = False, drill_host: str = "pc") -> Entries:
    variables = {"backup_databases": [{"name": "a"}, {"name": "b"}]}
    return _steps.verified(
        results, variables, check_mode=check_mode, drill_host=drill_host, elsewhere=drill_host != "pc"
    )


def stored(
    results: _steps.Results,
    *,
    check_mode: bool = False,
    has_cloud: bool = True,
    drill_policy: str = "newest",
    has_retention: bool = True,
    without_lock: str = "",
) -> Entries:
    return _steps.stored(
        results,
        ENGLISH,
        check_mode=check_mode,
        has_cloud=has_cloud,
        drill_policy=drill_policy,
        warn_days=14,
        has_retention=has_retention,
        drill_host="pc",
        without_lock=without_lock,
    )


class TestBackUp:
    def test_new_sets_are_told_apart_from_those_that_this_run_had_made_before(self) -> None:
        results = {"databases": {"sets": [one(A, changed=False)]}, "files": {"sets": [one(B)]}}
        assert said(backed_up(results)) == [("dumped", B), ("kept", A)]
        assert said(backed_up(results, check_mode=True)) == [("to_dump", B), ("kept", A)]

    @pytest.mark.parametrize("not_run", NOT_RUN)
    def test_a_task_that_did_not_run_says_nothing(self, not_run: dict[str, t.Any]) -> None:
        assert backed_up({"databases": not_run, "files": not_run}) == []

    def test_remarks_are_one_warning(self) -> None:
        results = {"databases": {"remarks": ["p"]}, "files": {"remarks": ["q"]}}
        assert messages(backed_up(results)) == ["p; q"]

    def test_a_server_without_sources_or_encryption_is_told(self) -> None:
        assert messages(backed_up({}, sources=0)) == [ENGLISH["no_sources"]]
        assert messages(backed_up({}, encrypted=False)) == [ENGLISH["unencrypted"]]

    def test_a_database_that_is_gone_is_told_by_its_source(self) -> None:
        gone = {"source": "a", "database": "old", "newest": A}
        (entry,) = backed_up({"databases": {"gone": [gone]}})
        assert entry == {**gone, "what": "gone", "id": ""}

    def test_what_no_source_covers_is_told_and_what_could_not_be_looked_into(self) -> None:
        found = {
            "databases": [],
            "unprotected": [{"name": "x", "engine": "mysql", "server": "db:3306", "bytes": 2048}],
            "unknown": [{"engine": "mysql", "server": "db:3307", "why": "no answer"}],
        }
        covered, unknown = messages(backed_up({"found": found}))
        assert covered.startswith("unprotected: no source covers the database x (mysql on db:3306, 2.0 kB).")
        assert (
            unknown
            == "unknown whether db:3307 (mysql) has unprotected databases, because it could not be queried: no answer"
        )

    def test_that_nothing_could_be_looked_into_is_told(self) -> None:
        told = ["unknown which databases are unprotected, because the search failed: no Python"]
        assert messages(backed_up({"found": {"msg": "no Python"}})) == told
        assert messages(backed_up({"found": {"msg": "not needed", "skipped": True}})) == []


class TestVerify:
    def test_each_set_is_told_as_far_as_it_came(self) -> None:
        results = {
            "pulled": {"sets": [one(A), one(B, changed=False)], "left_out": [{"id": "srv/c/1"}]},
            "verified": {"sets": [one(A), one(B)]},
            "drilled": {"sets": [one(A, warnings=["w"])]},
            "caught_up": {"sets": [one(B)]},
        }
        assert said(verified(results)) == [
            ("pulled", A),
            ("left_suspect", "srv/c/1"),
            ("verified", A),
            ("verified", B),
            ("drilled", A),
            ("drilled", B),
        ]

    def test_what_a_drill_left_out_is_told_and_not_what_its_throw_away_server_was_like(self) -> None:
        left_out = ["check of a.t: function public.f() does not exist"]
        results = {"drilled": {"sets": [one(A, warnings=["w"], left_out=left_out)]}}
        assert verified(results)[0]["warnings"] == [f"A restore will leave out {left_out[0]}"]

    def test_a_drill_on_another_host_says_where(self) -> None:
        (entry,) = verified({"drilled": {"sets": [one(A)]}}, drill_host="otro")
        assert (entry["what"], entry["words"]) == ("drilled_elsewhere", {"host": "otro"})

    def test_what_would_be_drilled_is_told_in_check_mode_only(self) -> None:
        results = {"drilled": {"sets": [], "planned": [A, B]}}
        assert said(verified(results, check_mode=True)) == [("to_drill", f"{A}, {B}")]
        assert verified(results) == []

    def test_a_source_without_a_drill_in_time_is_told(self) -> None:
        results = {"drilled": {"overdue": [{"source": "a", "last_passed": None}]}}
        assert said(verified(results)) == [("drill_overdue", "a")]

    def test_what_dead_drills_left_is_told(self) -> None:
        assert said(verified({"swept": {"removed": ["restore-1"]}})) == [("swept", "restore-1")]

    def test_a_source_that_has_sets_and_is_not_in_the_inventory_is_told(self) -> None:
        results = {"pulled": {"excepted": {"sets": [one(A), one("srv/old/20261122T030000Z")]}}}
        assert said(verified(results)) == [("lost_source", "old")]


class TestCleanedUp:
    @pytest.mark.parametrize(
        ("entry", "check_mode", "what"),
        [
            ({"removed": True, "in_use": None}, False, "replaced_removed"),
            ({"removed": True, "in_use": None}, True, "to_remove_replaced"),
            ({"removed": False, "in_use": "joe"}, False, "replaced_in_use"),
            ({"removed": False, "in_use": None}, False, "replaced_kept"),
        ],
    )
    def test_what_restores_replaced_is_told(self, entry: dict[str, t.Any], check_mode: bool, what: str) -> None:
        result = {"replaced": [{**entry, "source": "a", "bytes": 5, "name": "a__1", "since": "2026-11-22"}]}
        (told,) = backed_up({"replaced": result}, check_mode=check_mode)
        assert (told["what"], told["words"]["user"]) == (what, entry["in_use"] or "")

    def test_where_nothing_is_removed_what_could_not_be_seen_is_a_warning(self) -> None:
        result: dict[str, t.Any] = {"failures": [{"source": "a", "message": "no answer"}]}
        assert messages(backed_up({"replaced": result})) == [
            "a: could not list the data that restores have kept: no answer"
        ]
        # Otherwise the task has failed, and tells it.
        assert backed_up({"replaced": {**result, "failed": True}}) == []

    def test_what_dead_restores_left_on_either_host_is_told_together(self) -> None:
        results = {"swept": {"removed": ["r1"]}, "swept_systems": {"removed": ["r1", "r2"]}}
        assert said(backed_up(results)) == [("swept", "r1, r2")]


class TestStore:
    def test_each_set_is_told_as_far_as_it_came(self) -> None:
        results: dict[str, Result] = {
            "vaulted": {"sets": [one(A), one(B, changed=False)]},
            "stored": {"sets": [one(A)]},
            "looked": {"sets": [one(B)], "missing": [A]},
            "audited": {"sets": [one(A), one(B, changed=False)]},
        }
        assert said(stored(results)) == [("vaulted", A), ("stored", A), ("audited", B), ("audited", A)]
        assert said(stored(results, check_mode=True))[2:] == [("to_audit", B), ("to_audit", A)]

    def test_a_remark_on_the_cloud_is_told_once(self) -> None:
        remark = {"id": A, "message": "an object of nobody"}
        results = {"looked": {"remarks": [remark]}, "audited": {"remarks": [remark]}}
        assert said(stored(results)) == [("cloud_remark", A)]

    @pytest.mark.parametrize("keeps", [True, None, False])
    def test_a_cloud_without_versions_is_told(self, keeps: bool | None) -> None:
        results: dict[str, Result] = {"looked": {"keeps_versions": None}, "audited": {"keeps_versions": keeps}}
        told = [entry["what"] for entry in stored(results)]
        assert told == (["cloud_without_versions"] if keeps is False else [])

    @pytest.mark.parametrize(
        ("keeps", "until", "name"),
        [
            (True, None, "without_lock_accepted"),
            (False, None, "without_lock_accepted"),
            (False, "2096-12-24T00:00:00Z", "without_lock_accepted"),
            (None, None, "without_lock_accepted"),
            (True, "2096-12-24T00:00:00Z", "without_lock_needless"),
        ],
    )
    def test_a_cloud_without_lock_that_is_accepted_in_words_is_told_with_these_and_no_other(
        self, keeps: bool | None, until: str | None, name: str
    ) -> None:
        copies = [] if keeps is None else [one(A, changed=False, locked_until=until)]
        results: dict[str, Result] = {"looked": {"keeps_versions": keeps, "sets": copies}}
        told = [entry for entry in stored(results, without_lock="So it is.") if entry["what"] != "info"]
        assert told == [{"what": "warning", "message": ENGLISH[name] % {"why": "So it is."}}]

    def test_what_the_cloud_lacks_and_the_disk_has_no_more_is_told(self) -> None:
        assert said(stored({"stored": {"sets": [one(B)], "absent": [A]}})) == [("stored", B), ("not_in_cloud", "")]
        assert stored({"stored": {"absent": [A]}, "stored_again": {"absent": [A, B]}})[0]["message"] == f"{A}, {B}"

    def test_what_only_a_second_try_has_stored_is_told(self) -> None:
        assert said(stored({"stored": {"sets": []}, "stored_again": {"sets": [one(A)]}})) == [("stored", A)]

    def test_the_newest_set_is_told_where_it_was_never_restored(self) -> None:
        in_vault = {"sets": [one(A, newest=False, drill=None), one(B, newest=True, drill=None)]}
        assert said(stored({"vaulted": {"destination": in_vault}})) == [("never_drilled", B)]
        # Then restore_drill says what is overdue.
        assert stored({"vaulted": {"destination": in_vault}}, drill_policy="interval") == []
        drilled = {"sets": [one(B, newest=True, drill={"outcome": "passed"})]}
        assert stored({"vaulted": {"destination": drilled}}) == []

    @pytest.mark.parametrize("check_mode", [False, True])
    def test_what_expired_is_told_for_each_medium_and_what_is_kept_for_a_reason_together(
        self, check_mode: bool
    ) -> None:
        def kept(set_id: str, rule: str, why: str = "", lacking: tuple[str, ...] = ()) -> dict[str, t.Any]:
            return {**one(set_id, changed=False), "kept": True, "rule": rule, "why": why, "lacking": list(lacking)}

        gone = {**one(A), "kept": False, "rule": "expired", "why": ""}
        vault = [gone, kept(B, "newest"), kept(A, "held", "Proceso 15"), kept(B, "held", "Proceso 15")]
        disk = [gone, kept(B, "not_elsewhere", "vault, cloud", ("vault", "cloud")), kept(B, "daily")]
        told = stored({"pruned_vault": {"sets": vault}, "pruned_disk": {"sets": disk}}, check_mode=check_mode)
        what = "to_remove_expired" if check_mode else "removed_expired"
        assert said(told) == [(what, A), ("warning", ""), (what, A), ("info", "")]
        assert [entry["words"]["place"] for entry in told if entry["what"] == what] == [
            "the server's disk",
            "the vault",
        ]
        assert told[1]["message"] == (
            f"on the server's disk sets are kept that are not verified on another medium (the vault, the cloud): {B}"
        )
        assert told[3]["message"] == f"held on the vault: 2 ({A} and 1 more). Reason: Proceso 15"

    @pytest.mark.parametrize("check_mode", [False, True])
    def test_until_when_copies_in_the_cloud_are_locked_is_told_as_retention_left_them(self, check_mode: bool) -> None:
        def copy(
            set_id: str, rule: str, until: str | None, *, due: str = "", changed: bool = False
        ) -> dict[str, t.Any]:
            entry = {**one(set_id, changed=changed), "kept": rule != "expired", "rule": rule, "why": ""}
            return {**entry, "locked_until": until, "lock_due": due or until, "foreign_locked": 2 if not until else 0}

        c, d = "srv/a/20261120T030000Z", "srv/a/20261119T030000Z"
        audited = [
            {**one(A, changed=False), "locked_until": None},
            {**one(B, changed=False), "locked_until": "2020-01-01T00:00:00Z"},
        ]
        extended = copy(
            A, "not_removed", None if check_mode else "2097-02-03T05:00:00Z", due="2097-02-03T05:00:00Z", changed=True
        )
        extended["foreign_locked"] = 0
        followed = [
            extended,
            {**copy(c, "locked", "2096-12-24T05:00:00Z"), "why": "2096-12-25T05:00:00Z"},
            copy(d, "expired", None, changed=True),
        ]
        results: dict[str, Result] = {
            "looked": {"sets": audited},
            "pruned_vault": {"sets": [], "object_store": {"sets": followed}},
        }
        told = stored(results, check_mode=check_mode)
        assert [entry["what"] for entry in told] == [
            "to_remove_expired" if check_mode else "removed_expired",
            "info",
            "info",
            "warning",
            "info",
            "warning",
        ]
        assert told[0]["words"] == {"place": "the cloud"}
        name = "locks_to_extend" if check_mode else "locks_extended"
        assert [entry["message"] for entry in told[1:]] == [
            ENGLISH[name] % {"count": 1},
            ENGLISH["locked_until"] % {"count": 2, "first": "2096-12-24", "last": "2097-02-03"},
            ENGLISH["not_locked"] % {"count": 1, "ids": B},
            ENGLISH["expired_locked"] % {"count": 1, "last": "2096-12-25"},
            ENGLISH["foreign_locked"] % {"ids": d},
        ]

    @pytest.mark.parametrize(("free", "what"), [(1500, "info"), (1400, "warning")])
    def test_a_disk_that_will_be_full_is_told_and_soon_a_warning(self, free: int, what: str) -> None:
        forecast = {"free_bytes": free, "bytes_per_day": 100, "full_on": "2027-01-26"}
        (told,) = stored({"pruned_vault": {"sets": [], "forecast": forecast}})
        assert told["what"] == what
        assert told["message"].endswith("it grows by 100 Bytes a day: it will be full around 2027-01-26")
        assert stored({"pruned_vault": {"sets": [], "forecast": {**forecast, "full_on": None}}}) == []

    def test_what_is_verified_elsewhere_is_what_was_read_there_or_has_expired(self) -> None:
        def exactly(set_id: str, digest: str | None, **more: t.Any) -> dict[str, t.Any]:
            return {"id": set_id, "tag_manifest_sha256": digest, **more}

        failed = {"outcome": "failed"}
        gone, doubtful = "srv/a/20261121T030000Z", "srv/a/20261120T030000Z"
        in_vault = [exactly(A, "1", drill=None), exactly(B, None), exactly("srv/a/20261123T030000Z", "2", drill=failed)]
        removed = [exactly(gone, "3", rule="expired"), exactly(doubtful, "4", rule="doubtful")]
        variables = {
            "_backup_vaulted": {"destination": {"sets": in_vault, "removed_sets": removed}},
            "_backup_looked": {"sets": [exactly(A, "1"), {"id": B, "changed": True}]},
            "_backup_audited": {"skipped": True},
        }
        known = [exactly(gone, "3"), exactly(doubtful, "4", drill=failed)]
        assert _steps.verified_elsewhere(variables, in_vault=True, in_cloud=True) == [
            {
                "medium": "vault",
                "sets": [exactly(A, "1"), exactly("srv/a/20261123T030000Z", "2", drill=failed), *known],
            },
            {"medium": "cloud", "sets": [*known, exactly(A, "1")]},
        ]
        assert _steps.verified_elsewhere(variables, in_vault=False, in_cloud=True) == [
            {"medium": "cloud", "sets": [exactly(A, "1")]}
        ]
        assert _steps.verified_elsewhere({}, in_vault=True, in_cloud=False) == [{"medium": "vault", "sets": []}]

    def test_that_nothing_is_ever_removed_from_the_vault_is_told_once(self) -> None:
        entry = {**one(A, changed=False), "kept": True, "rule": "no_policy", "why": "", "lacking": []}
        results = {"pruned_vault": {"sets": [entry]}}
        assert [told["what"] for told in stored(results)] == ["warning"]
        (told,) = stored(results, has_retention=False)
        assert told == {"what": "info", "message": ENGLISH["no_retention"]}

    def test_each_request_that_waits_is_told_with_what_to_sign(self) -> None:
        waiting = {
            "host": "srv",
            "source": "a",
            "request": "/srv/vault/.approvals/srv/a/request-1.json",
            "sets": [A, B, A, B],
            "required": 2,
            "approved_by": ["ana"],
            "not_counted": ["request-1.json.x.sig"],
            "approved": False,
        }
        approvers = {**waiting, "host": "", "source": "", "sets": [], "approved": True, "not_counted": []}
        rules = {**waiting, "sets": [], "approved_by": [], "not_counted": []}
        approvals = {"requests": [waiting, approvers, rules], "taken_as_agreed": ["srv/b", "srv/c"]}
        told = stored({"pruned_vault": {"sets": [], "approvals": approvals}})
        assert [entry["what"] for entry in told] == ["info", "warning", "warning", "info", "warning"]
        agreed, first, not_counted, approved, empty = (entry["message"] for entry in told)
        assert "srv/b, srv/c" in agreed
        assert f"4 sets of srv/a ahead of policy ({A}, {B}, {A}, …): signatures 1 of 2 (ana)" in first
        assert "ssh-keygen -Y sign -n approve@infitulua.backup -f YOUR_KEY </srv/vault/.approvals/srv/a/req" in first
        assert "request-1.json.x.sig" in not_counted
        assert "approved by ana: changing who approves" in approved
        assert "nothing would be removed for now" in empty and "0 of 2 (nobody yet)" in empty
        assert stored({"pruned_vault": {"sets": [], "approvals": None}}) == []

    def test_that_there_is_no_cloud_is_told(self) -> None:
        assert messages(stored({}, has_cloud=False)) == [ENGLISH["no_cloud"]]


class TestNeverStored:
    FAILED: t.ClassVar[Result] = {
        "msg": "2 sets",
        "sets": [],
        "failures": [{"id": A, "message": "no answer"}, {"id": B, "message": "reset"}],
    }

    def test_what_a_second_try_has_stored_or_told_of_is_not_told_again(self) -> None:
        again = {"sets": [one(A)], "failures": [{"id": B, "message": "reset"}]}
        assert _steps.never_stored({"stored": self.FAILED, "stored_again": again}) == []
        (failure,) = _steps.never_stored({"stored": self.FAILED, "stored_again": {"sets": [one(A)]}})
        assert failure == {"id": B, "message": "reset", "kind": "store"}

    def test_what_an_audit_has_found_there_is_no_failure(self) -> None:
        looked: Result = {"sets": [one(B)], "missing": []}
        assert [entry["id"] for entry in _steps.never_stored({"stored": self.FAILED, "looked": looked})] == [A]
        assert _steps.never_stored({"stored": {"msg": "MODULE FAILURE"}, "looked": looked}) == []

    @pytest.mark.parametrize("nothing", NOT_RUN)
    def test_where_nobody_has_looked_since_it_is_told(self, nothing: dict[str, t.Any]) -> None:
        later = {"looked": nothing, "stored_again": nothing}
        assert [failure["id"] for failure in _steps.never_stored({"stored": self.FAILED, **later})] == [A, B]
        crashed: Result = {"msg": "MODULE FAILURE"}
        told = [{"message": "MODULE FAILURE", "kind": "store"}]
        assert _steps.never_stored({"stored": crashed, **later}) == told
        assert _steps.never_stored({"stored": crashed, "looked": {"missing": [A]}}) == told
        assert _steps.never_stored({"stored": crashed, "stored_again": {"sets": [one(A)]}}) == []

    @pytest.mark.parametrize("first", [*NOT_RUN, {"sets": [one(A)], "failures": []}])
    def test_without_a_failure_there_is_nothing_to_tell(self, first: dict[str, t.Any]) -> None:
        assert _steps.never_stored({"stored": first}) == []

    @pytest.mark.parametrize("how", ["unreachable", "failed"])
    def test_what_was_noted_when_it_happened_is_not_told_again(self, how: str) -> None:
        assert _steps.never_stored({"stored": {how: True, "msg": "timed out"}}) == []
