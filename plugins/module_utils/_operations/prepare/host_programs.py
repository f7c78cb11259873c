# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs and Python libraries that a host must have, and the packages of those that it lacks."""

from __future__ import annotations

import dataclasses
import importlib.util
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs

LIBRARY = "python3-"
# By the family of the distribution; of each program, and of each Python library by the name python3-<library>.
_SAME = {
    "age": "age",
    "age-keygen": "age",
    "bwrap": "bubblewrap",
    "python3-boto3": "python3-boto3",
    "rrsync": "rsync",
    "rsync": "rsync",
    "tar": "tar",
    "zstd": "zstd",
}
PACKAGES = {
    "Debian": {**_SAME, "ssh": "openssh-client", "ssh-keygen": "openssh-client"},
    "RedHat": {**_SAME, "ssh": "openssh-clients", "ssh-keygen": "openssh"},
}
_FAMILIES = {
    "debian": "Debian",
    "ubuntu": "Debian",
    "rhel": "RedHat",
    "fedora": "RedHat",
    "centos": "RedHat",
}
_OS_RELEASE = "/etc/os-release"


@dataclasses.dataclass(frozen=True)
class Lacking:
    """What a host lacks.

    :param missing: programs, and Python libraries as ``python3-<library>``.
    :param packages: what has them; None: the distribution's packages are not known here.
    """

    missing: tuple[str, ...]
    packages: tuple[str, ...] | None
    distribution: str
    family: str | None


def find_missing(names: t.Iterable[str], libraries: t.Iterable[str]) -> Lacking:
    """Find out which programs and Python libraries are missing."""
    missing = [name for name in names if not _is_there(name)]
    missing += [LIBRARY + name for name in libraries if importlib.util.find_spec(name) is None]
    distribution, family = _distribution()
    packages = None
    if family is not None:
        packages = tuple(dict.fromkeys(PACKAGES[family][name] for name in missing))
    return Lacking(tuple(missing), packages, distribution, family)


def _is_there(name: str) -> bool:
    try:
        programs.find(name)
    except NotFound:
        return False
    return True


def _distribution() -> tuple[str, str | None]:
    """Return the distribution's name and family."""
    facts = {}
    try:
        with open(_OS_RELEASE, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                name, _equals, value = line.strip().partition("=")
                facts[name] = value.strip("\"'")
    except OSError:
        return "this distribution", None
    likes = [facts.get("ID", ""), *facts.get("ID_LIKE", "").split()]
    return facts.get("NAME", "this distribution"), next((_FAMILIES[like] for like in likes if like in _FAMILIES), None)
