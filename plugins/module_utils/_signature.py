# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures over a set's tag manifest, with OpenSSH keys (ssh-keygen(1), -Y sign and -Y verify).

The tag manifest vouches for the manifest, which vouches for every byte: one signature covers the set.
"""

from __future__ import annotations

import os
import tempfile

from ansible_collections.infitulua.backup.plugins.module_utils import _programs
from ansible_collections.infitulua.backup.plugins.module_utils._bag import SIGNATURE, TAG_MANIFEST, Contents, read_text
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, run_and_read

# Separates these signatures from others made with the same key (ssh-keygen -n).
NAMESPACE = "infitulua.backup"


def sign(tag_manifest: str, *, key_file: str) -> str:
    """The signature of a tag manifest, in OpenSSH's armoured form.

    :param tag_manifest: the file's text.
    :param key_file: an OpenSSH private key without a passphrase.
    :raises BackupError: when the key cannot be used.
    """
    return run_and_read(
        Command([_programs.find("ssh-keygen"), "-q", "-Y", "sign", "-f", key_file, "-n", NAMESPACE]),
        action="sign a set",
        on=key_file,
        next_step="Check that the key exists, is readable and has no passphrase.",
        stdin=tag_manifest.encode("utf-8"),
    )


def verify(contents: Contents, *, signer: str, allowed_signers: str) -> None:
    """Checks a set's signature.

    :param signer: who must have signed: the host of the set, as the allowed signers file names it.
    :param allowed_signers: a file as ssh-keygen(1), ALLOWED SIGNERS, describes it.
    :raises BackupError: when there is no valid signature by ``signer``.
    """
    next_step = "Do not use this set before you know who wrote it."
    try:
        tag_manifest = read_text(contents, TAG_MANIFEST)
        signature = read_text(contents, SIGNATURE)
    except (OSError, ValueError) as error:
        why = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise BackupError("check a signature", on=signer, why=why, next_step=next_step) from error
    if not os.path.isfile(allowed_signers):
        raise BackupError(
            "check a signature",
            on=signer,
            why=f"there is no file of allowed signers at {allowed_signers}",
            next_step="Prepare the systems computer (playbook infitulua.backup.step1_prepare_media).",
        )
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        argv = [_programs.find("ssh-keygen"), "-q", "-Y", "verify", "-f", allowed_signers, "-I", signer]
        run_and_read(
            Command([*argv, "-n", NAMESPACE, "-s", file.name]),
            action="check a signature",
            on=signer,
            next_step=next_step,
            stdin=tag_manifest.encode("utf-8"),
        )
