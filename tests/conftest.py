# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests share: imports by the collection's name, and no silent skips in continuous integration.

``ansible-test units`` loads this file too, on the oldest Python of a managed node and with nothing but pytest
installed: standard library only.
"""

from __future__ import annotations

import os
import random
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore
    from development.services.postgresql import PostgresqlServer
    from development.services.sshd import SshServer

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".build" / "collections"
IN_COLLECTION_TREE = ROOT.parts[-3:] == ("ansible_collections", "infitulua", "backup")

if not IN_COLLECTION_TREE:
    # A plain pytest in a clone of any name: import the collection through the tree of links that
    # development/environment.py makes. Inside ansible-test the copy has its right name already.
    sys.path.insert(0, str(ROOT))
    from development import environment

    environment.link_collection()
    sys.path.insert(0, str(COLLECTIONS))
    # What a test starts must find the same programs and the same collection as the test itself.
    os.environ.update(environment.variables())


# What a test provokes leaves its traceback here, and not with the state of this machine.
os.environ["INFITULUA_BACKUP_TRACEBACKS"] = str(ROOT / ".build" / "tracebacks")


# What is left to chance follows from this: the workers of pytest-xdist have it from who starts them.
os.environ.setdefault("SEED", str(random.SystemRandom().randrange(1000, 10**9)))


def pytest_configure(config: pytest.Config) -> None:
    """Watch for skipped tests."""
    config.pluginmanager.register(SkipRecorder(config), "infitulua-skip-recorder")


def pytest_report_header() -> str:
    """Name the seed, so that what failed by chance can be had again."""
    return f"SEED={os.environ['SEED']}"


class SkipRecorder:
    """Remember what was skipped; where CI is set, a skipped test fails the run."""

    def __init__(self, config: pytest.Config) -> None:
        self.skipped: list[str] = []
        # The workers of pytest-xdist report to the process that started them, which judges.
        self.judges = os.environ.get("CI", "").lower() in ("1", "true", "yes") and not hasattr(config, "workerinput")

    def _record(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.skipped.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, or its set-up, was skipped."""
        self._record(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole file was skipped."""
        self._record(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn success into failure when something was skipped that had to run."""
        succeeded = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.judges and self.skipped and succeeded:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List what was skipped, where that is a failure."""
        if self.judges and self.skipped:
            terminalreporter.section("skipped, which is a failure where CI is set", red=True, bold=True)
            for line in self.skipped:
                terminalreporter.line(line)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run an S3-compatible store over TLS, with versioning, Object Lock and separate identities."""
    from development.services import object_store as service

    try:
        store = service.ObjectStore(tmp_path_factory.mktemp("object-store"), writers=["srv-financiero", "srv-archivos"])
        store.start()
    except service.ServiceFailedError as error:
        pytest.skip(str(error))
    yield store
    store.stop()


@pytest.fixture(scope="session", params=[15, 17], ids="postgresql-{}".format)
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[PostgresqlServer]:
    """Run PostgreSQL, once in each of the major versions that the two supported Debian releases carry."""
    from development.services import postgresql as service

    try:
        server = service.PostgresqlServer(request.param)
        server.start()
    except service.ServiceFailedError as error:
        pytest.skip(str(error))
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """Run an OpenSSH server in which this user can log in."""
    from development.services import sshd as service

    try:
        server = service.SshServer(tmp_path_factory.mktemp("sshd"))
        server.start()
    except service.ServiceFailedError as error:
        pytest.skip(str(error))
    yield server
    server.stop()
