# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public keys that a host knows: recipients of its sets, and of other hosts the SSH and signing keys."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.signature import NAMESPACE
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read

from .changes import UNMADE

HEADER = "# Written by infitulua.backup.host_keys; changes are lost."
_SIGNERS_HEADER = (
    "# Written by infitulua.backup.host_keys; changes to a line stay, such as valid-before, comments are lost. "
    "See ssh-keygen(1), ALLOWED SIGNERS."
)
_KEY = re.compile(r"(?:^|\s)(?:sk-)?(?:ssh|ecdsa)-\S+ +[A-Za-z0-9+/=]{20,}")
_RECIPIENT = re.compile(r"age1[0-9a-z]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?")
_PRIVATE = re.compile(r"SECRET-KEY|PRIVATE KEY")
_SSH_PORT = 22
_PROOF = "proof\n"
_OFFLINE = "The director makes one offline and gives its public part (age1…), as docs/security.md says."


class KnownHost(t.NamedTuple):
    """A host that is reached over SSH, and its public keys."""

    host: str
    port: int
    keys: t.Sequence[str]

    @property
    def place(self) -> str:
        """How sshd(8), SSH_KNOWN_HOSTS FILE FORMAT, names it."""
        return self.host if self.port == _SSH_PORT else f"[{self.host}]:{self.port}"


def is_private(text: str) -> bool:
    """Tell whether a text is, or holds, a private key."""
    return _PRIVATE.search(text) is not None


def check_escrow(recipient: str) -> None:
    """Refuse an escrow recipient that is not an age public key.

    :raises Refused: when it is none.
    """
    if is_private(recipient):
        raise Refused(
            "use the escrow recipient",
            on="backup_escrow_recipient",
            why="it is a private key, and no host may hold it",
            next_step="Remove it from the inventory and treat it as compromised. The director creates another one"
            " offline and "
            "gives its public part (age1…), as docs/security.md says.",
        )
    if not _RECIPIENT.fullmatch(recipient.strip()):
        raise Refused(
            "use the escrow recipient",
            on="backup_escrow_recipient",
            why=f"{'it is not an age public key' if recipient.strip() else 'there is none'}, and without it the loss of"
            " the systems computer would make every backup unreadable",
            next_step=_OFFLINE,
        )


def check_operational(recipient: str, *, escrow: str, check_mode: bool) -> None:
    """Refuse an operational recipient that is invalid, or is the escrow recipient too.

    :raises Refused: then. In check mode there may be none yet.
    """
    if recipient == "" and check_mode:
        return
    if not _RECIPIENT.fullmatch(recipient):
        raise Refused(
            "install the recipients",
            on="operational recipient",
            why="it is not known",
            next_step="Prepare the systems computer in the same run (playbook infitulua.backup.step1_prepare_media "
            "without --limit).",
        )
    if recipient.split()[:2] == escrow.split()[:2]:
        raise Refused(
            "use the escrow recipient",
            on="backup_escrow_recipient",
            why="it is the operational key of the systems computer, so that losing one would mean losing both",
            next_step=_OFFLINE,
        )


def recipients_text(operational: str, escrow: str) -> str:
    """Return the file of those whom sets are encrypted to."""
    return (
        f"{HEADER}\n"
        "# Sets are encrypted to these public keys. Each of the private keys reads them; none of them is on a server.\n"
        "# Operational: its identity is on the systems computer.\n"
        f"{operational or UNMADE}\n"
        "# Escrow: its identity is with the director, on no host.\n"
        f"{escrow.strip()}\n"
    )


def prove(recipients: t.Sequence[str], *, identity: str | None) -> None:
    """Prove that one can encrypt to the recipients, and that the identity, where there is one here, reads it.

    :raises BackupError: when not.
    """
    what = "encrypt to the recipients"
    step = "Correct the recipient, and repeat the step; what was installed is as it was."
    age = programs.find("age")
    argv = [age, "-a", *(part for recipient in recipients for part in ("-r", recipient))]
    on = ", ".join(recipients)
    encrypted = run_and_read(Command(argv), action=what, on=on, next_step=step, stdin=_PROOF.encode())
    if identity is not None:
        what = "read with the identity what is encrypted to the recipients"
        command = Command([age, "-d", "-i", identity])
        read = run_and_read(command, action=what, on=identity, next_step=step, stdin=encrypted.encode())
        if read != _PROOF:
            raise BackupError(what, on=identity, why="something else came out", next_step=step)


def signers_text(known: str, signers: t.Iterable[tuple[str, str]]) -> str:
    """Return the file of the keys that may sign sets: ssh-keygen(1), ALLOWED SIGNERS.

    A known one stays as it is: its server may be down today, or have been built anew, with another key, and its older
    sets must still be verified. What somebody has put to it by hand stays too, and no second line of the same key
    undoes it: such as ``valid-before``, after which a key that was stolen signs nothing any more.

    :param known: the file as it is.
    :param signers: hosts, each with its public key; an empty one is made by a run, and this is check mode.
    """
    found = dict.fromkeys((_principals(line), line) for line in _lines(known) if _KEY.search(line))
    for host, told in signers:
        key = _one_key(told) or UNMADE
        if not any(_accepts(line, host, key) for _principals_, line in found):
            found[host, f'{host} namespaces="{NAMESPACE}" {key}'] = None
    return f"{_SIGNERS_HEADER}\n" + "".join(f"{line}\n" for _host, line in _by_host(found))


def _principals(line: str) -> str:
    return line.split(maxsplit=1)[0]


def _accepts(line: str, host: str, key: str) -> bool:
    """Tell whether a line of the allowed signers is about a host's key, with whatever limits."""
    # Patterns as in ssh_config(5), of which those of a shell can do one more.
    patterns = [pattern.replace("[", "[[]") for pattern in _principals(line).strip('"').split(",")]
    return key.split()[-1] in line.split() and any(fnmatch.fnmatchcase(host, pattern) for pattern in patterns)


def _one_key(told: str) -> str:
    """Return a public key's type and key: what comes behind could be a line about another host."""
    return " ".join(told.split()[:2])


def known_hosts_text(known: str, hosts: t.Sequence[KnownHost]) -> str:
    """Return the file of the hosts' own keys: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.

    :param known: the file as it is: what it says of other places stays.
    :param hosts: those whose keys this run has read.
    """
    places = {host.place for host in hosts}
    found = [(host.host, f"{host.place} {_one_key(key)}\n") for host in hosts for key in host.keys if key.strip()]
    for line in _lines(known):
        place, space, _key = line.partition(" ")
        if space and place not in places:
            found.append((place[1:].split("]")[0] if place.startswith("[") else place, f"{line}\n"))
    lines = [line for _host, line in _by_host(found)]
    return f"{HEADER} See sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.\n" + "".join(lines)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _by_host(entries: t.Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(entries, key=lambda entry: entry[0].lower())
