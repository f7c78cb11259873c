# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets on their way into a child process: an anonymous file in memory, inherited by descriptor.

Not argv (/proc/<pid>/cmdline is world-readable), not the environment (it ends in core dumps and debug output),
not a temporary file (it outlives a kill). memfd_create(2) gives a regular file without a name, which libpq's
passfile check and age's identity reader both accept, and which goes when the last descriptor does.
"""

from __future__ import annotations

import os
import pwd
import types

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound

from .pipes import write_all


class SecretFile:
    """A secret as a file that only this process and the children it names can open.

    :param text: the secret.
    :param user: the operating-system user that the child runs as; None: the current one.
    :raises NotFound: when there is no such user.
    """

    def __init__(self, text: str, *, user: str | None = None) -> None:
        self.descriptor = os.memfd_create("secret", os.MFD_CLOEXEC)
        os.fchmod(self.descriptor, 0o600)
        write_all(self.descriptor, text.encode("utf-8"))
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        if user is not None and os.geteuid() == 0:
            try:
                entry = pwd.getpwnam(user)
            except KeyError:
                self.close()
                raise NotFound(
                    "run a program as another user",
                    on=user,
                    why="there is no such user on this host",
                    next_step="Correct the user's name or install the package that creates it.",
                ) from None
            os.fchown(self.descriptor, entry.pw_uid, entry.pw_gid)

    @property
    def path(self) -> str:
        """The path under which a child that inherits the descriptor opens it. Each opening reads from the start."""
        return f"/proc/self/fd/{self.descriptor}"

    def close(self) -> None:
        """Forget the secret here."""
        # Once only: by the second time the number may be another file's.
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> SecretFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()
