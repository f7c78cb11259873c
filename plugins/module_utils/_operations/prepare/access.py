# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access of the systems computer to a host's media: two keys, each bound to one command in one directory."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    Refused,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs

from .changes import UNMADE, Changes

HOST_KEYS = "/etc/ssh/ssh_host_*_key.pub"
# What the distributions call it whose packages are known here.
_RRSYNC = "/usr/bin/rrsync"
_HEADER = "# Written by infitulua.backup.host_access; changes are lost.\n"
_PUBLIC_KEY = re.compile(r"(ssh|ecdsa|sk)-\S+ \S+.*")
_ACTION = "allow the systems computer to connect"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A public key, and the one thing that it may do.

    :param option: ``-ro`` or ``-wo`` of rrsync.
    :param name: what the key is called in messages.
    :param public_key: empty in check mode, where a run makes it.
    """

    name: str
    public_key: str
    option: str
    directory: str

    def line(self, command: str) -> str:
        """Return its line of the file of authorized keys."""
        return f'restrict,command="{command} {self.option} {self.directory}" {self.public_key or UNMADE}\n'


def provide(entries: t.Sequence[Entry], *, user: str, home: str, changes: Changes) -> None:
    """Let keys in. Root owns all of it, so that the account cannot change what its keys may do.

    :raises Refused: when a key is invalid, or two are the same.
    :raises BackupError: when it cannot be done.
    """
    # Before the first run there are no keys yet: that they differ from those that are let in is known all the same.
    _check([entry for entry in entries if entry.public_key or not changes.check_mode], user)
    for path in (home, f"{home}/.ssh"):
        _refuse_link(path, user)
        changes.directory(path, mode="0750", owner="root", group=user)
    _refuse_link(f"{home}/.ssh/authorized_keys", user)
    command = _rrsync(check_mode=changes.check_mode)
    text = _HEADER + "".join(entry.line(command) for entry in entries)
    changes.text(f"{home}/.ssh/authorized_keys", text, mode="0640", owner="root", group=user)


def _refuse_link(path: str, user: str) -> None:
    """Refuse a link in a home that the account may have owned before: root would change what it leads to."""
    if os.path.islink(path):
        raise Refused(
            _ACTION,
            on=f"account {user}",
            why=f"{path} is a symbolic link",
            next_step="Remove it, and repeat the step.",
        )


def host_keys() -> list[str]:
    """Return this host's public SSH keys, each a type and a key.

    :raises BackupError: when there are none.
    """
    found = []
    for path in sorted(glob.glob(HOST_KEYS)):
        try:
            with open(path, encoding="ascii", errors="replace") as stream:
                found += [" ".join(line.split()[:2]) for line in stream if line.strip()]
        except OSError as error:
            raise _no_host_keys(describe_os_error(error)) from error
    if not found:
        raise _no_host_keys("it has none")
    return found


def _no_host_keys(why: str) -> BackupError:
    return NotFound(
        "read this host's public SSH keys",
        on=HOST_KEYS,
        why=why,
        next_step="Install and start its SSH server, and repeat the step.",
    )


def _check(entries: t.Sequence[Entry], user: str) -> None:
    for entry in entries:
        if not _PUBLIC_KEY.fullmatch(entry.public_key):
            raise _refused(user, f"its {entry.name} key is no public key")
    if len({tuple(entry.public_key.split()[:2]) for entry in entries}) < len(entries):
        raise _refused(user, "its keys are the same one")


def _refused(user: str, why: str) -> Refused:
    return Refused(
        _ACTION,
        on=f"account {user}",
        why=why,
        next_step="Prepare the systems computer in the same run (playbook infitulua.backup.step1_prepare_media without "
        "--limit).",
    )


def _rrsync(*, check_mode: bool) -> str:
    try:
        return programs.find("rrsync")
    except NotFound:
        if check_mode:
            return _RRSYNC  # A run installs it before.
        raise
