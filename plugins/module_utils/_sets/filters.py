# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands between an engine's stream and a payload file: zstd (compression) and age (encryption).

Both are the operating system's programs; both read stdin and write stdout in constant memory. The name of a
payload file tells what was done to it, in order: ``ledger.dump.zst.age``.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes

ZSTD_SUFFIX = ".zst"
AGE_SUFFIX = ".age"
# zstd(1): 1 (fastest) to 19; beyond needs --ultra and gigabytes of memory to decompress.
COMPRESSION_LEVELS = range(1, 20)
DEFAULT_COMPRESSION_LEVEL = 3
AGE = "age"
UNENCRYPTED = "none"


@dataclasses.dataclass(frozen=True)
class Encryption:
    """How payload files are encrypted.

    :param method: ``age`` or ``none`` (which must be given explicitly).
    :param recipients: public keys, ``age1…`` or ``ssh-ed25519 …``.
    :raises Refused: for ``age`` without recipients, or ``none`` with some.
    """

    method: str
    recipients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.method == AGE and not self.recipients:
            raise Refused(
                "encrypt a set",
                on="no recipients",
                why="encryption is on and no public key was given to encrypt to",
                next_step="Give recipients (step 1 installs them), or set encryption: none to write it unencrypted.",
            )
        if any(recipient.strip().upper().startswith("AGE-SECRET-KEY-") for recipient in self.recipients):
            # Everybody can read a program's arguments, and this message is logged: it must go no further.
            raise Refused(
                "encrypt a set",
                on="one of the recipients",
                why="it is a private key",
                next_step="Give the public key instead (age-keygen -y prints it), and make a new key.",
            )
        if self.method == UNENCRYPTED and self.recipients:
            raise Refused(
                "write a set unencrypted",
                on=f"{len(self.recipients)} recipients",
                why="encryption is none and yet recipients were given",
                next_step="Remove one of the two.",
            )
        if self.method not in (AGE, UNENCRYPTED):
            raise Refused("encrypt a set", on=self.method, why="this method is not known", next_step="Use age or none.")


@dataclasses.dataclass(frozen=True)
class Filters:
    """The programs that a payload stream passes on its way to disk.

    :param level: zstd's level.
    """

    encryption: Encryption
    level: int = DEFAULT_COMPRESSION_LEVEL

    def writing(self, *, compress: bool) -> list[Command]:
        """Return the commands behind the engine's own, in order.

        :param compress: False where the engine's client has compressed the stream already.
        :raises NotFound: when a program is not installed.
        """
        commands = []
        if compress:
            # A thread of its own for the compressing would only save waiting for a pipe, which is memory: at level 1
            # it takes a fifth more processor time.
            commands.append(Command([programs.find("zstd"), "-q", "-c", "--single-thread", f"-{self.level}", "-"]))
        if self.encryption.method == AGE:
            argv = [programs.find("age")]
            for recipient in self.encryption.recipients:
                argv += ["-r", recipient]
            commands.append(Command(argv))
        return commands

    def suffix(self, *, compress: bool) -> str:
        """Return what the payload file's name ends with."""
        return (ZSTD_SUFFIX if compress else "") + (AGE_SUFFIX if self.encryption.method == AGE else "")

    def check(self) -> None:
        """Encrypt nothing to the recipients, so that a wrong key is found before a dump begins.

        :raises BackupError: when a program is missing or a recipient is not a public key.
        """
        if self.level not in COMPRESSION_LEVELS:
            raise Refused(
                "compress a set",
                on=f"level {self.level}",
                why="zstd's levels are 1 (fastest) to 19 (smallest)",
                next_step="Choose one of them.",
            )
        commands = self.writing(compress=True)
        with Processes() as processes:
            processes.run(
                commands[-1:],
                action="encrypt to the recipients" if self.encryption.method == AGE else "run the compressor",
                on=", ".join(self.encryption.recipients) or "zstd",
                next_step="Correct the recipients: each is a public key, 'age1…' or 'ssh-ed25519 …'.",
            )

    def versions(self) -> dict[str, str]:
        """Program name to version, for backup.json."""
        names = ["zstd"] + (["age"] if self.encryption.method == AGE else [])
        return {name: programs.version(programs.find(name)) for name in names}


def reading(path: str, identity_files: t.Sequence[str]) -> list[Command]:
    """Return the commands that turn a stored payload file back into the engine's stream, by what its name says.

    :param path: the payload file's path within the set.
    :param identity_files: files that hold age identities (private keys).
    :raises BackupError: when the file is encrypted and no identity was given.
    """
    commands = []
    name = path
    if name.endswith(AGE_SUFFIX):
        name = name[: -len(AGE_SUFFIX)]
        if not identity_files:
            raise BackupError(
                "decrypt a payload file",
                on=path,
                why="it is encrypted and no identity was given",
                next_step="Give identity_file: the technician's operational key, or the director's escrow key.",
            )
        argv = [programs.find("age"), "-d"]
        for identity_file in identity_files:
            argv += ["-i", identity_file]
        commands.append(Command(argv))
    if name.endswith(ZSTD_SUFFIX):
        commands.append(Command([programs.find("zstd"), "-q", "-d", "-c", "-"]))
    return commands


def by_hand(path: str, *, identity: str = "IDENTITY_FILE") -> str:
    """Return the shell pipeline that an operator types to read a payload file without this collection."""
    steps = []
    name = path
    if name.endswith(AGE_SUFFIX):
        name = name[: -len(AGE_SUFFIX)]
        steps.append(f"age -d -i {identity} {path}")
    if name.endswith(ZSTD_SUFFIX):
        steps.append("zstd -dc" if steps else f"zstd -dc {path}")
    return " | ".join(steps) or f"cat {path}"
