# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verifiers of all scenarios share: the hosts by name, and what only the scenario knows of them."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
import testinfra

EPHEMERAL = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "."))
SYSTEMS_COMPUTER = "equipo-sistemas"


def known_addresses() -> dict[str, str]:
    """The scenario's hosts and their addresses; none outside a scenario."""
    path = EPHEMERAL / "hosts.json"
    return t.cast("dict[str, str]", json.loads(path.read_text())) if path.exists() else {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for ``host_name`` on each host, and what asks for ``server_name`` on each server."""
    if "host_name" in metafunc.fixturenames:
        metafunc.parametrize("host_name", list(known_addresses()))
    if "server_name" in metafunc.fixturenames:
        metafunc.parametrize("server_name", [name for name in known_addresses() if name != SYSTEMS_COMPUTER])


@pytest.fixture(scope="session")
def ephemeral() -> Path:
    """Where the scenario keeps what it knows of its hosts."""
    return EPHEMERAL


@pytest.fixture(scope="session")
def addresses() -> dict[str, str]:
    """The scenario's hosts and their addresses."""
    return known_addresses()


@pytest.fixture(scope="session")
def reach(ephemeral: Path, addresses: dict[str, str]) -> t.Callable[..., t.Any]:
    """Return a function that gives a host by its name, as root unless ``sudo=False``."""

    def get(name: str, *, sudo: bool = True) -> t.Any:
        return testinfra.get_host(f"ssh://{addresses[name]}", ssh_config=str(ephemeral / "ssh_config"), sudo=sudo)

    return get


@pytest.fixture
def server(server_name: str, reach: t.Callable[..., t.Any]) -> t.Any:
    """Each server, as root."""
    return reach(server_name)


@pytest.fixture
def systems_computer(reach: t.Callable[..., t.Any]) -> t.Any:
    """The systems computer, as root."""
    return reach(SYSTEMS_COMPUTER)


@pytest.fixture(scope="session")
def cloud(ephemeral: Path) -> dict[str, t.Any]:
    """How the object store is reached, with the keys of all identities."""
    return t.cast("dict[str, t.Any]", json.loads((ephemeral / "cloud.json").read_text()))


@pytest.fixture(scope="session")
def secrets(ephemeral: Path, cloud: dict[str, t.Any]) -> dict[str, str]:
    """Every secret that a host was given, by a name that may be shown."""
    found = {f"secret key of {name}": key["secret"] for name, key in cloud["keys"].items()}
    found["database password"] = json.loads((ephemeral / "secrets.json").read_text())["database_password"]
    return found
