# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failing system call, whichever it is, ends a module with a message: never with a traceback or a false success.

Which calls fail, and how many, is said in :mod:`tests.integration.failing_calls`. What needs a server is tested where
there is one: ``set_audit`` in ``media``, ``database_account`` in ``postgresql`` and ``mariadb``.
"""

from __future__ import annotations

import datetime
import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.plugin_utils._this_run import this_run
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core
from tests.integration.failing_calls import Answer, Case, check_failing_calls, run


def medium(directory: Path, name: str = "medium") -> dict[str, str]:
    (directory / name).mkdir(exist_ok=True)
    return {"type": "directory", "path": str(directory / name)}


def with_set(directory: Path) -> dict[str, t.Any]:
    options = medium(directory)
    core.write_set(core.medium_at(directory / "medium"))
    return options


def tree(directory: Path) -> Path:
    (directory / "tree").mkdir()
    (directory / "tree" / "letter").write_text("Tuluá", encoding="utf-8")
    (directory / "tree" / "link").symlink_to("letter")
    return directory / "tree"


def database(directory: Path) -> Path:
    connection = sqlite3.connect(directory / "ledger.db")
    with connection:
        connection.execute("CREATE TABLE entries (amount INTEGER)")
        connection.executemany("INSERT INTO entries VALUES (?)", [(number,) for number in range(100)])
    connection.close()
    return directory / "ledger.db"


def dump(directory: Path, module: str, source: dict[str, t.Any]) -> dict[str, t.Any]:
    options = {"medium": medium(directory), "host": "srv", "encryption": "none", "sources": [{"name": "a", **source}]}
    answer = run(module, options)
    assert not answer.get("failed"), answer
    return options


def all_sets_are_good(directory: Path, _answer: Answer) -> None:
    for name in ("medium", "vault"):
        if (directory / name).is_dir():
            place = core.medium_at(directory / name)
            for set_id in place.sets():
                set_verification.verify(place, set_id)


def the_set_is_told(directory: Path, answer: Answer) -> None:
    """As one that it is, or as one that cannot be looked at."""
    told = [entry["id"] for entry in [*answer["sets"], *answer["failures"]]]
    assert told == list(map(str, core.medium_at(directory / "medium").sets()))
    all_sets_are_good(directory, answer)


def there_is_a_set(name: str) -> t.Callable[[Path, Answer], None]:
    def check(directory: Path, _answer: Answer) -> None:
        assert len(core.medium_at(directory / name).sets()) == 1

    return check


def prepare_copy(directory: Path) -> dict[str, t.Any]:
    return {"origin": with_set(directory), "destination": medium(directory, "vault")}


def prepare_archive(directory: Path) -> dict[str, t.Any]:
    paths = [str(tree(directory))]
    return {
        "medium": medium(directory),
        "host": "srv",
        "encryption": "none",
        "sources": [{"name": "a", "paths": paths}],
    }


def prepare_files_restore(directory: Path) -> dict[str, t.Any]:
    dump(directory, "files_archive", {"paths": [str(tree(directory))]})
    shutil.rmtree(directory / "tree")
    options = {"medium": medium(directory), "host": "srv", "source": "a", "ticket": "1"}
    return {**options, "target": {"directory": "/"}}


def tree_is_back(directory: Path, _answer: Answer) -> None:
    assert (directory / "tree" / "letter").read_text(encoding="utf-8") == "Tuluá"
    assert os.readlink(directory / "tree" / "link") == "letter"


def prepare_dump(directory: Path) -> dict[str, t.Any]:
    source = {"name": "a", "engine": "sqlite", "path": str(database(directory))}
    return {"medium": medium(directory), "host": "srv", "encryption": "none", "sources": [source]}


def prepare_restore(directory: Path) -> dict[str, t.Any]:
    path = database(directory)
    dump(directory, "database_dump", {"engine": "sqlite", "path": str(path)})
    path.unlink()
    options = {"medium": medium(directory), "host": "srv", "source": "a", "ticket": "1"}
    return {**options, "target": {"path": str(path)}}


def rows_are_back(directory: Path, _answer: Answer) -> None:
    connection = sqlite3.connect(directory / "ledger.db")
    assert connection.execute("SELECT count(*), sum(amount) FROM entries").fetchone() == (100, 4950)
    connection.close()


KEPT = "ledger.db__replaced_20250101T000000Z"


def prepare_prune(directory: Path) -> dict[str, t.Any]:
    path = database(directory)
    shutil.copy(path, directory / KEPT)
    return {"keep_days": 30, "targets": [{"name": "a", "engine": "sqlite", "path": str(path)}]}


def kept_is_gone(directory: Path, answer: Answer) -> None:
    assert not (directory / KEPT).exists()
    assert [entry["removed"] for entry in answer["replaced"]] == [True]


def nothing_else_is_gone(directory: Path, answer: Answer) -> None:
    rows_are_back(directory, answer)
    if any(entry["removed"] for entry in answer.get("replaced", ())):
        kept_is_gone(directory, answer)
    assert {path.name for path in directory.iterdir()} <= {"ledger.db", KEPT}


def prepare_database_info(directory: Path) -> dict[str, t.Any]:
    source = {"name": "a", "engine": "sqlite", "path": str(database(directory))}
    dump(directory, "database_dump", {"engine": "sqlite", "path": source["path"]})
    return {"host": "srv", "medium": medium(directory), "local": False, "sources": [source]}


def database_is_told(directory: Path, answer: Answer) -> None:
    (entry,) = answer["databases"]
    assert entry["name"] == str(directory / "ledger.db")
    assert entry["bytes"] in (None, (directory / "ledger.db").stat().st_size)
    (set_id,) = core.medium_at(directory / "medium").sets()
    if entry["last_backup"] is None:
        warnings = json.dumps(answer["warnings"], ensure_ascii=False)  # Newer cores put more than texts there.
        assert f"{set_id} would be the last backup, and cannot be read" in warnings
    else:
        assert entry["last_backup"]["id"] == str(set_id)


def prepare_drill(directory: Path) -> dict[str, t.Any]:
    core.need("bwrap")
    for name in ("work", "state"):
        (directory / name).mkdir()
    paths = [str(tree(directory))]
    for module, source in (
        ("database_dump", {"name": "b", "engine": "sqlite", "path": str(database(directory))}),
        ("files_archive", {"name": "a", "paths": paths}),
    ):
        dump(directory, module, source)
    query = {"name": "the sum", "source": "b", "query": "SELECT sum(amount) FROM entries", "expected": "4950"}
    places = {"work_directory": str(directory / "work"), "record_directory": str(directory / "state" / "drills")}
    return {"medium": medium(directory), "concurrency": 2, "queries": [query], **places}


def drilled(directory: Path) -> list[dict[str, t.Any]]:
    files = sorted((directory / "state").rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def both_have_passed(directory: Path, answer: Answer) -> None:
    assert [entry["outcome"] for entry in drilled(directory)] == ["passed", "passed"]
    assert [entry["id"].split("/")[1] for entry in answer["sets"]] == ["a", "b"]


def no_set_is_to_blame(directory: Path, answer: Answer) -> None:
    """Both sets are good; what they were drilled on was not."""
    told = [*answer.get("sets", ()), *answer.get("failures", ()), *drilled(directory)]
    assert {entry["outcome"] for entry in told} <= {"passed", "not_done"}, told
    for entry in answer.get("sets", ()):
        assert entry in drilled(directory)
    assert list((directory / "work").iterdir()) == []
    all_sets_are_good(directory, answer)


NAME = "restore-20261122T171503Z-4711"
DEAD = "restore-20261121T171503Z-815"


def prepare_workspace(directory: Path) -> dict[str, t.Any]:
    for name in ("state", "arrivals"):
        (directory / name).mkdir()
    (directory / "state" / DEAD / "delivered").mkdir(parents=True)
    (directory / "state" / f"{DEAD}.owner").write_text(json.dumps({**this_run(), "boot": "another"}))
    return workspace_options(directory)


def workspace_is_there(directory: Path, answer: Answer) -> None:
    assert (directory / "state" / f"{NAME}.owner").is_file()
    assert (directory / "state" / NAME).is_dir()
    assert (directory / "arrivals" / NAME).is_dir()
    identity = (directory / "run" / NAME / "identity").read_text(encoding="utf-8")
    assert answer["recipient"] in identity
    # Where it could not be told that its run is dead, it stays for the next time.
    assert DEAD not in answer["removed"] or not list((directory / "state").glob(f"{DEAD}*"))


def workspace_can_be_removed(directory: Path, _answer: Answer) -> None:
    """Whatever became of it, nothing is there that its removal does not find."""
    options = {**workspace_options(directory), "state": "absent"}
    assert not run("restore_workspace", options).get("failed")
    assert [path for place in ("state", "arrivals", "run") for path in (directory / place).glob("*")] == []


def workspace_options(directory: Path) -> dict[str, t.Any]:
    return {
        "name": NAME,
        "run": this_run(),
        "directories": [{"path": str(directory / "state")}, {"path": str(directory / "arrivals")}],
        "key_directory": str(directory / "run"),
    }


def prepare_removal(directory: Path) -> dict[str, t.Any]:
    options = prepare_workspace(directory)
    assert not run("restore_workspace", options).get("failed")
    return {**options, "state": "absent"}


def prepare_reception(directory: Path) -> dict[str, t.Any]:
    options = prepare_workspace(directory)
    assert not run("restore_workspace", options).get("failed")
    arrived = core.medium_at(directory / "arrivals" / NAME)
    set_id = core.write_set(arrived)
    content = bag.tag_manifest_digest(arrived.contents(set_id))
    return {**options, "state": "received", "set": str(set_id), "tag_manifest_sha256": content}


def delivery_is_put_aside(directory: Path, answer: Answer) -> None:
    assert answer["delivered"] == str(directory / "state" / NAME / "delivered")
    [set_id] = core.medium_at(Path(answer["delivered"])).sets()
    set_verification.verify(core.medium_at(Path(answer["delivered"])), set_id)


def workspace_is_gone(directory: Path, _answer: Answer) -> None:
    assert [path for place in ("state", "arrivals", "run") for path in (directory / place).glob(f"{NAME}*")] == []


def prepare_drill_info(directory: Path) -> dict[str, t.Any]:
    core.stub(directory, "postgres", "echo 'postgres (PostgreSQL) 17.2'")
    server = {"engine": "postgresql", "version": "17.2", "programs_directory": str(directory)}
    return {"servers": [server, {"engine": "sqlite", "version": "3.40.1"}]}


def only_what_cannot_be_looked_at_is_missing(_directory: Path, answer: Answer) -> None:
    """A drill would not find it either."""
    assert [entry["packages"] for entry in answer["missing"]] in ([], [["postgresql-17"]])


def prepare_clock_info(directory: Path) -> dict[str, t.Any]:
    now = host_clock.now()
    (directory / "drills" / "srv").mkdir(parents=True)
    later = {"id": "srv/a/20261122T030000Z", "outcome": "passed", "medium": "m"}
    later["drilled"] = host_clock.write(now + datetime.timedelta(days=1))
    (directory / "drills" / "srv" / "a.jsonl").write_text(json.dumps(later) + "\n")
    record = {"record_directory": str(directory / "drills"), "record_sources": {"srv": ["a"]}}
    return {"reference": now.isoformat(), **record}


def wrong_clock_is_told(_directory: Path, answer: Answer) -> None:
    assert answer["record_problems"] or [entry["clock"] for entry in answer["differences"]] == ["record"]


def keys_are_whole(directory: Path, _answer: Answer) -> None:
    for name, program in (("signing_key", "ssh-keygen"), ("operational.identity", "age-keygen")):
        assert subprocess.run([program, *PUBLIC[program], str(directory / "keys" / name)], check=False).returncode == 0


ACCESS_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def access_options(directory: Path) -> dict[str, t.Any]:
    return {
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "home": str(directory / "home"),
        "pull_public_key": ACCESS_KEY,
        "pull_directory": str(directory / "disk"),
        "delivery_public_key": ACCESS_KEY[:-1] + "g",
        "delivery_directory": str(directory / "restore"),
    }


def prepare_access(directory: Path) -> dict[str, t.Any]:
    for name in ("disk", "restore"):
        (directory / name).mkdir()
    return access_options(directory)


def both_keys_may_do_one_thing(directory: Path, _answer: Answer) -> None:
    (file,) = (directory / "home").rglob("authorized_keys")
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "ssh-ed25519" in line]
    assert len(lines) == 2
    assert all("restrict" in line and "command=" in line for line in lines)


def access_can_be_had(directory: Path, _answer: Answer) -> None:
    assert not run("host_access", access_options(directory)).get("failed")
    both_keys_may_do_one_thing(directory, {})


def only_what_cannot_be_looked_at_is_missing_here(_directory: Path, answer: Answer) -> None:
    """To install it once more changes nothing."""
    assert answer["missing"] in ([], ["tar"])


def make_identity(path: Path) -> str:
    """Make an age identity; its public key."""
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    told = subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def prepare_delivery(directory: Path) -> dict[str, t.Any]:
    core.need("age")
    own, other = (make_identity(directory / name) for name in ("own", "other"))
    (directory / "delivery").mkdir()
    options = {**prepare_dump(directory), "encryption": "age", "recipients": [own]}
    answer = run("database_dump", options)
    assert not answer.get("failed"), answer
    return {
        "state": "delivered",
        "medium": medium(directory),
        "sets": [entry["id"] for entry in answer["sets"]],
        "directory": str(directory / "delivery"),
        "destination": medium(directory, "arrived"),
        "recipients": [other],
        "identity_file": str(directory / "own"),
    }


def it_has_arrived(directory: Path, answer: Answer) -> None:
    arrived = core.medium_at(directory / "arrived")
    if answer["deliveries"]:
        (set_id,) = arrived.sets()
        set_verification.verify(arrived, set_id)
        (delivery,) = answer["deliveries"]
        assert delivery["copy"] == bag.tag_manifest_digest(arrived.contents(set_id))
    else:
        (drill,) = answer["undelivered"]
        assert drill["outcome"] == "not_done", drill


def no_set_is_blamed(directory: Path, answer: Answer) -> None:
    """What could not be removed of the delivery goes with its workspace."""
    assert all(drill["outcome"] == "not_done" for drill in answer.get("undelivered", ())), answer
    all_sets_are_good(directory, answer)


PUBLIC = {"ssh-keygen": ["-y", "-f"], "age-keygen": ["-y"]}
KEYS = {
    "host": "srv",
    "identity": True,
    "recipients": True,
    "escrow_recipient": "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z",
    "signing": True,
    "signers": [{"host": "srv", "key": "ssh-ed25519 AAAA"}],
}


CASES = [
    Case("host_keys", lambda directory: {"path": str(directory / "keys"), **KEYS}, keys_are_whole),
    Case(
        "host_directories",
        lambda directory: {"directories": [{"path": str(directory / "a" / "b")}]},
        lambda directory, _answer: (directory / "a" / "b").rmdir(),
    ),
    Case("medium_info", lambda directory: {"medium": with_set(directory), "probe": True}, all_sets_are_good),
    Case("set_info", lambda directory: {"medium": with_set(directory)}, the_set_is_told),
    Case("set_verify", lambda directory: {"medium": with_set(directory)}, the_set_is_told),
    Case("set_copy", prepare_copy, there_is_a_set("vault"), all_sets_are_good),
    Case("files_archive", prepare_archive, there_is_a_set("medium"), all_sets_are_good),
    Case("files_restore", prepare_files_restore, tree_is_back, all_sets_are_good),
    Case("database_dump", prepare_dump, there_is_a_set("medium"), all_sets_are_good),
    Case("database_restore", prepare_restore, rows_are_back, all_sets_are_good),
    Case("database_info", prepare_database_info, database_is_told, all_sets_are_good),
    Case("replaced_prune", prepare_prune, kept_is_gone, nothing_else_is_gone),
    Case("restore_drill", prepare_drill, both_have_passed, no_set_is_to_blame),
    Case("restore_workspace", prepare_workspace, workspace_is_there, workspace_can_be_removed, name="workspace_made"),
    Case("restore_workspace", prepare_reception, delivery_is_put_aside, workspace_can_be_removed, name="set_received"),
    Case("restore_workspace", prepare_removal, workspace_is_gone, workspace_can_be_removed, name="workspace_removed"),
    Case("host_access", prepare_access, both_keys_may_do_one_thing, access_can_be_had),
    Case(
        "host_programs_info",
        lambda _directory: {"programs": ["tar"]},
        only_what_cannot_be_looked_at_is_missing_here,
        talks=True,
    ),
    Case("drill_delivery", prepare_delivery, it_has_arrived, no_set_is_blamed),
    Case("drill_info", prepare_drill_info, only_what_cannot_be_looked_at_is_missing),
    Case("clock_info", prepare_clock_info, wrong_clock_is_told),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_failing_system_call_is_a_message_and_no_false_success(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_failing_calls(case, tmp_path, monkeypatch)
