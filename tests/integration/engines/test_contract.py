# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every engine keeps, tried on every engine: a new one gets its line in ``SOURCES``.

What is special to one (types, accounts, locks, what a server refuses) is in a directory of its own, and what MariaDB
and MySQL have in common in ``mysql_family``.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import ENGINES, find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.operation import (
    DRILL_ARGUMENTS,
    DrillsReport,
    drill_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import (
    SourcesReport,
    dump_sources,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mysql import NotAvailableError
from tests.integration.many import parameters
from tests.integration.postgresql.support import Site
from tests.integration.postgresql.test_secrets import Watcher
from tests.unit.plugins.module_utils.core import need

from .local_sources import FilesSource, SqliteSource
from .mysql_family_source import MariadbSource, MysqlSource
from .postgresql_source import PostgresqlSource
from .source import Source
from .support import Disk, at_stage, dies, forge, steps_of

SOURCES: dict[str, type[Source]] = {
    kind.name: kind for kind in (FilesSource, MariadbSource, MysqlSource, PostgresqlSource, SqliteSource)
}
SEED = os.environ["SEED"]
# Of another type than what stands there.
WRONG: dict[type, t.Any] = {dict: [1], list: {"x": 1}, str: 7, int: "1", bool: "x", type(None): 7}


@pytest.fixture(scope="module", params=sorted(SOURCES))
def world(request: pytest.FixtureRequest) -> Iterator[Source]:
    """A place for sources of each engine, with its server where there is one."""
    with tempfile.TemporaryDirectory(prefix="disk-") as directory:
        disk = Disk(Path(directory))
        Path(directory).chmod(0o755)
        found = SOURCES[request.param](disk)
        try:
            found.start()
        except NotAvailableError as error:
            pytest.skip(str(error))
        yield found
        found.stop()
        disk.close()


@pytest.fixture
def source(world: Source) -> Iterator[Source]:
    """A source of each engine."""
    world.make()
    yield world
    world.disk.enlarge()
    world.clear()


def dump(source: Source, site: Site, **changes: t.Any) -> SetId:
    """Back the source up."""
    made = site.dump(source.engine(**changes.pop("options", {})), **changes).set_id
    assert made is not None
    return made


def run(source: Source, site: Site, *, check_mode: bool = False, **options: t.Any) -> SourcesReport:
    """Back the source up as the modules do, in one run that has a name."""
    entry = {"name": "db", "engine": source.name, **source.options, **options}
    return dump_sources(parameters(site.root, site.recipient, [entry], run_id="daily-1"), check_mode=check_mode)


def restore(source: Source, site: Site, set_id: SetId, **changes: t.Any) -> t.Any:
    """Put a set in the source's place."""
    return site.restore(source.restorer(**changes.pop("options", {})), set_id, replace=True, **changes)


def digests(source: Source, site: Site, set_id: SetId) -> t.Any:
    """What a set says that its source's content was."""
    facts = site.describe(set_id).engine_facts
    return facts.get("content_digests") or source.relied_upon(facts)


def assert_nothing_left(source: Source, site: Site) -> None:
    """No part of a set, and nothing of a restore."""
    assert [path for path in site.root.rglob("*") if ".partial" in path.name] == []
    source.settle()
    assert source.leftovers() == []


def test_every_engine_is_held_to_the_contract() -> None:
    assert sorted(SOURCES) == sorted(ENGINES)


def test_everything_comes_back_as_it_was(source: Source, site: Site) -> None:
    has_digest = "content_digest" in ENGINES[source.name].source_arguments
    options = {"content_digest": True} if has_digest else {}
    before = source.content()
    set_id = dump(source, site, options=options)
    assert source.content() == before
    source.destroy()

    restored = site.restore(source.restorer(), set_id)

    assert source.content() == before
    assert (restored.before.exists, restored.kept) == (False, None)
    assert restored.checks
    assert all(check.passed for check in restored.checks)
    assert has_digest == ("content digests" in {check.name for check in restored.checks})
    assert digests(source, site, dump(source, site, options=options)) == digests(source, site, set_id)
    assert_nothing_left(source, site)


def test_a_dump_is_predicted_and_done_once(source: Source, site: Site) -> None:
    before = source.content()
    predicted = run(source, site, check_mode=True)
    assert (predicted.changed, predicted.failures, site.files()) == (True, [], [])
    made = run(source, site)
    assert (made.changed, made.failures) == (True, [])
    there = site.files()
    for check_mode in (True, False):
        again = run(source, site, check_mode=check_mode)
        assert (again.changed, again.failures) == (False, [])
        assert again.sets[0]["id"] == made.sets[0]["id"]
    assert site.files() == there
    assert source.content() == before
    assert_nothing_left(source, site)


def test_a_restore_is_predicted_and_keeps_what_it_replaces(source: Source, site: Site) -> None:
    wanted, set_id = source.content(), dump(source, site)
    source.change()
    live, rows = source.content(), source.rows()
    for attempt in (site.predict, site.restore):
        with pytest.raises(Refused, match="it exists and holds data"):
            attempt(source.restorer(), set_id)
    predicted = site.predict(source.restorer(), set_id, replace=True)
    assert source.content() == live
    assert source.restorer().kept_data().replaced() == []

    restored = restore(source, site, set_id)

    assert (restored.target, restored.before) == (predicted.target, predicted.before)
    assert source.content() == wanted
    assert source.rows(restored.kept) == rows
    assert [entry.name for entry in source.restorer().kept_data().replaced()] == [restored.kept]
    assert_nothing_left(source, site)


def test_a_dump_killed_anywhere_shows_no_set_and_the_next_removes_what_it_left(source: Source, site: Site) -> None:
    chance = random.Random(f"{SEED} dump {source.name}")
    before = source.content()
    steps = steps_of(lambda: dump(source, site))
    for step in sorted(chance.sample(range(1, steps + 1), 3)):
        after, there = chance.uniform(0, 0.1), site.medium.sets()
        print(f"SEED={SEED}: killed {after:.3f} s after step {step} of {steps}")
        died = dies(lambda: dump(source, site), step=step, after=after)
        for set_id in site.medium.sets():
            set_verification.verify(site.medium, set_id)
        assert len(site.medium.sets()) <= len(there) + 1
        assert died or len(site.medium.sets()) == len(there) + 1
        source.settle()
    dump(source, site)
    assert source.content() == before
    assert_nothing_left(source, site)


def test_a_restore_killed_anywhere_leaves_the_old_or_the_new_and_the_next_succeeds(source: Source, site: Site) -> None:
    chance = random.Random(f"{SEED} restore {source.name}")
    new, new_rows, set_id = source.content(), source.rows(), dump(source, site)
    source.change()
    steps = steps_of(lambda: restore(source, site, set_id))
    for step in sorted(chance.sample(range(1, steps + 1), 3)):
        source.change()
        old_rows, kept = source.rows(), {entry.name for entry in source.restorer().kept_data().replaced()}
        after = chance.uniform(0, 0.1)
        print(f"SEED={SEED}: killed {after:.3f} s after step {step} of {steps}")
        dies(lambda: restore(source, site, set_id), step=step, after=after)
        source.settle()
        found = source.rows()
        assert found in (old_rows, new_rows)
        restore(source, site, set_id)
        assert source.content() == new
        replaced = [entry.name for entry in source.restorer().kept_data().replaced() if entry.name not in kept]
        assert old_rows in [source.rows(name) for name in replaced], "what was there is not where it is said"
        assert_nothing_left(source, site)


def test_a_medium_that_fills_up_fails_the_dump_and_has_nothing_of_it(
    source: Source, site: Site, medium_disk: Disk
) -> None:
    if not medium_disk.can_fill_up:
        pytest.skip("mounting a small file system needs root")
    before, first = source.content(), dump(source, site)
    with (
        pytest.raises(BackupError, match="No space left on device") as failure,
        at_stage("dumping", lambda: medium_disk.leave(100_000)),
    ):
        dump(source, site)
    assert "data/" in failure.value.on
    assert "Free space" in failure.value.next_step
    assert site.medium.sets() == [first]
    assert source.content() == before
    assert_nothing_left(source, site)
    medium_disk.enlarge()
    dump(source, site)


def test_a_disk_that_fills_up_under_a_restore_leaves_the_target_as_it_was(source: Source, site: Site) -> None:
    if not source.disk.can_fill_up:
        pytest.skip("mounting a small file system needs root")
    wanted, set_id = source.content(), dump(source, site)
    source.change()
    live = source.content()
    with (
        pytest.raises(BackupError) as failure,
        at_stage("restoring", lambda: source.disk.leave(source.restore_needs)),
    ):
        restore(source, site, set_id)
    told = "No space left|is full|OS errno 28|Wrote only" + ("|Lost connection" if source.dies_of_a_full_disk else "")
    assert re.search(told, failure.value.message)
    source.disk.enlarge()
    if source.dies_of_a_full_disk:
        source.recover()
    else:
        assert_nothing_left(source, site)
    assert source.content() == live
    assert source.restorer().kept_data().replaced() == []
    restore(source, site, set_id)
    assert source.content() == wanted
    assert_nothing_left(source, site)


def test_facts_of_another_type_are_refused_before_anything_is_touched(source: Source, site: Site) -> None:
    chance = random.Random(f"{SEED} facts {source.name}")
    original = dump(source, site)
    names = sorted(source.relied_upon(site.describe(original).engine_facts))
    source.change()
    live, bystander = source.content(), source.bystander()
    refused = 0
    for number, name in enumerate(["", *chance.sample(names, 5)]):

        def spoil(facts: dict[str, t.Any], name: str = name) -> None:
            inner = source.relied_upon(facts)
            if name:
                inner[name] = WRONG[type(inner[name])]
            else:
                inner.clear()

        forged = forge(site, original, f"forged-{number}", facts=spoil)
        print(f"SEED={SEED}: {name or 'none'}")
        try:
            site.predict(source.restorer(), forged, replace=True)
        except SetInvalid:
            refused += 1
        assert source.leftovers() == []
    assert refused >= 1
    with pytest.raises(SetInvalid):
        restore(source, site, SetId(original.host, "forged-0", original.time))
    assert source.content() == live
    assert source.bystander() == bystander


def test_a_set_that_says_more_than_it_holds_replaces_nothing(source: Source, site: Site) -> None:
    said: list[int] = []
    forged = forge(site, dump(source, site), "forged", facts=lambda facts: said.append(source.lie(facts)))
    source.change()
    live = source.content()
    with pytest.raises(SetInvalid, match="the restored data is not what the set says") as failure:
        restore(source, site, forged)
    assert {str(said[0]), str(said[0] - 1)} <= set(re.findall(r"\d+", failure.value.message))
    assert source.content() == live
    assert source.restorer().kept_data().replaced() == []
    assert_nothing_left(source, site)


def test_what_was_altered_after_signing_is_refused(source: Source, site: Site) -> None:
    keys = {name: site.root.parent / name for name in ("own", "stranger")}
    for path in keys.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    signers = site.root.parent / "signers"
    signers.write_text(f'srv-pruebas namespaces="infitulua.backup" {keys["own"].with_suffix(".pub").read_text()}')
    signed = dump(source, site, signing_key=str(keys["own"]))
    source.change()
    live, trusted = source.content(), {"allowed_signers": str(signers)}
    site.predict(source.restorer(), signed, replace=True, **trusted)
    unsigned = forge(site, signed, "forged-1")
    by_another = forge(site, signed, "forged-2", signing_key=str(keys["stranger"]))
    payload = max((site.path(signed) / "data").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(payload.read_bytes())
    data[len(data) // 2] ^= 1
    payload.chmod(0o600)
    payload.write_bytes(data)
    for set_id in (signed, unsigned, by_another):
        with pytest.raises(SetInvalid):
            restore(source, site, set_id, **trusted)
    assert source.content() == live
    assert_nothing_left(source, site)


def test_a_set_that_reaches_beyond_its_target_touches_nothing_there(source: Source, site: Site) -> None:
    forged = source.reach_out(site, dump(source, site))
    wanted = source.rows()
    source.change()
    live, bystander = source.content(), source.bystander()
    if source.withholds:
        restore(source, site, forged)
        assert source.rows() == wanted
    else:
        with pytest.raises(BackupError):
            restore(source, site, forged)
        assert source.content() == live
    assert source.bystander() == bystander
    assert_nothing_left(source, site)


def drill(source: Source, site: Site, work: Path) -> DrillsReport:
    """Drill every set on the medium."""
    params = {name: argument.get("default") for name, argument in DRILL_ARGUMENTS.items()}
    params.update(
        medium={"type": "directory", "path": str(site.root)},
        work_directory=str(work),
        record_directory=str(site.root.parent / "drills"),
        identity_file=str(site.identity),
        programs_directory=source.drill_programs,
        concurrency=2,
    )
    return drill_sets(params, site.medium, SetSelection(), check_mode=False)


def test_a_drill_passes_a_good_set_and_fails_one_that_is_not_what_it_says(source: Source, site: Site) -> None:
    need("bwrap")
    good = dump(source, site)
    bad = forge(site, good, "forged", facts=source.lie)
    with tempfile.TemporaryDirectory(prefix="w-") as directory:
        Path(directory).chmod(0o711)
        report = drill(source, site, Path(directory))
        assert list(Path(directory).iterdir()) == []
    assert [entry["id"] for entry in report.sets] == [str(good)], report.message
    assert all(check["passed"] for check in report.sets[0]["checks"])
    assert [(entry["id"], entry["outcome"]) for entry in report.failures] == [(str(bad), "failed")]
    assert "the restored data is not what the set says" in report.message


def test_a_part_of_a_set_comes_back_beside_and_touches_nothing(source: Source, site: Site) -> None:
    """Which options choose a part is told here; an engine that has none for it says so by an empty ``selects``."""
    assert set(ENGINES[source.name].target_arguments) == source.selects | source.places
    if not source.selects:
        return
    set_id = dump(source, site)
    before = source.content()
    wanted, found = source.restore_a_part(site, set_id)
    assert found == wanted
    assert source.content() == before
    assert_nothing_left(source, site)


def test_a_password_is_seen_by_nobody(
    source: Source, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not among arguments, in an environment, in a file, in a result or in a message."""
    assert ("login_password" in ENGINES[source.name].source_arguments) == source.has_password
    if not source.has_password:
        return
    with source.canary() as login, Watcher(login["login_password"][:24]) as watcher:
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        # What somebody left in the environment must not lead anywhere else.
        for name in ("PGHOST", "MYSQL_HOST"):
            monkeypatch.setenv(name, "nowhere.invalid")
        made = run(source, site, **login)
        assert made.failures == []
        restored = restore(source, site, SetId.parse(made.sets[0]["id"]), options=login)
        options = {**source.options, **login, "login_password": login["login_password"] + "x"}
        wrong = find_engine(source.name).source(options)
        with pytest.raises(BackupError) as failure:
            site.dump(wrong)
    canary = login["login_password"][:24]
    assert watcher.found == []
    assert source.client in watcher.programs
    assert canary not in repr((made.result(), restored, failure.value.message, failure.value.details))
    for path in [*site.root.rglob("*"), *tmp_path.rglob("*")]:
        assert not path.is_file() or canary.encode() not in path.read_bytes()
