# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a host's keys: those of its own, and the public ones that it knows of others."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import temporary_files

from . import private_keys, public_keys
from .changes import Changes

IDENTITY = "operational.identity"
RECIPIENTS = "recipients"
SIGNING_KEY = "signing_key"
ALLOWED_SIGNERS = "allowed_signers"
KNOWN_HOSTS = "known_hosts"
_PUBLIC = "0644"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a directory of keys must hold.

    :param host: the host's name, in the comments of its keys.
    :param apart_from: directories that must neither contain it nor be inside it.
    :param identity: whether the operational identity is kept here.
    :param recipients: whether the file of recipients is.
    :param operational: the operational recipient; that of the identity, where it is kept here.
    :param signing: whether the key that signs sets is.
    :param ssh_keys: names of key pairs, ``<name>_key``.
    :param signers: hosts with their signing public keys; None: there is no such file here.
    :param known_hosts: hosts with their SSH public keys; None: there is no such file here.
    """

    path: str
    mode: str
    host: str
    apart_from: tuple[str, ...] = ()
    identity: bool = False
    recipients: bool = False
    operational: str = ""
    escrow: str = ""
    signing: bool = False
    ssh_keys: tuple[str, ...] = ()
    signers: tuple[tuple[str, str], ...] | None = None
    known_hosts: tuple[public_keys.KnownHost, ...] | None = None

    def at(self, name: str) -> str:
        """Return the path of one of its files."""
        return os.path.join(self.path, name)


def provide(wanted: Wanted, changes: Changes) -> dict[str, t.Any]:
    """Make and write what is missing or differs, and prove it.

    :returns: the public keys.
    :raises Refused: for what would endanger the backups.
    :raises BackupError: when it cannot be done.
    """
    _check(wanted, changes)
    changes.directory(wanted.path, mode=wanted.mode)
    with contextlib.ExitStack() as held:
        if not changes.check_mode:
            held.enter_context(private_keys.one_run_at_a_time(wanted.path))
            temporary_files.remove_abandoned(wanted.path)  # A key that was not finished, or its second name.
        own = _provide_own(wanted, changes)
        if wanted.signers is not None:
            path = wanted.at(ALLOWED_SIGNERS)
            # Without a key: check mode of its host has not made it.
            signers = [signer for signer in wanted.signers if signer[1].strip() or changes.check_mode]
            changes.text(path, public_keys.signers_text(changes.known_text(path), signers), mode=_PUBLIC)
        if wanted.known_hosts is not None:
            path = wanted.at(KNOWN_HOSTS)
            changes.text(path, public_keys.known_hosts_text(changes.known_text(path), wanted.known_hosts), mode=_PUBLIC)
    return own


def _provide_own(wanted: Wanted, changes: Changes) -> dict[str, t.Any]:
    operational, identity = wanted.operational, None
    if wanted.identity:
        identity = wanted.at(IDENTITY)
        operational = private_keys.provide_identity(identity, changes)
        public_keys.check_operational(operational, escrow=wanted.escrow, check_mode=changes.check_mode)
    if wanted.recipients:
        path = wanted.at(RECIPIENTS)
        if not changes.check_mode:
            public_keys.prove([operational, wanted.escrow.strip()], identity=identity)
        changes.text(path, public_keys.recipients_text(operational, wanted.escrow), mode=_PUBLIC)
    signing = ""
    if wanted.signing:
        comment = f"{wanted.host} signs its backup sets"
        signing = private_keys.provide_ssh_key(wanted.at(SIGNING_KEY), changes, comment=comment)
    return {
        "operational_recipient": operational,
        "signing_public_key": signing,
        "ssh_public_keys": {
            name: private_keys.provide_ssh_key(wanted.at(f"{name}_key"), changes, comment=f"{wanted.host} {name}")
            for name in wanted.ssh_keys
        },
    }


def _check(wanted: Wanted, changes: Changes) -> None:
    """Refuse what would endanger the backups, before anything is made."""
    for path in wanted.apart_from:
        if _is_within(wanted.path, path) or _is_within(path, wanted.path):
            raise Refused(
                "prepare a directory of keys",
                on=wanted.path,
                why=f"the keys and the sets that they read ({path}) would be in the same place, and could be lost or"
                " stolen together",
                next_step="Give two separate places.",
            )
    if wanted.recipients or wanted.identity:
        public_keys.check_escrow(wanted.escrow)
    if wanted.recipients and not wanted.identity:
        public_keys.check_operational(wanted.operational, escrow=wanted.escrow, check_mode=changes.check_mode)


def _is_within(path: str, directory: str) -> bool:
    return os.path.join(os.path.normpath(path), "").startswith(os.path.join(os.path.normpath(directory), ""))
