# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures over a set's tag manifest, with OpenSSH keys (ssh-keygen(1), -Y sign and -Y verify).

The tag manifest vouches for the manifest, which vouches for every byte: one signature covers the set.
"""

from __future__ import annotations

import base64
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, run_and_read
from ansible_collections.infitulua.backup.plugins.module_utils._system.secrets import SecretFile

from .bag import SIGNATURE, TAG_MANIFEST, Contents, read_set_text

# Separates these signatures from others made with the same key (ssh-keygen -n).
NAMESPACE = "infitulua.backup"
# As OpenSSH's PROTOCOL.sshsig has them.
_BEGIN = "-----BEGIN SSH SIGNATURE-----\n"
_END = "\n-----END SSH SIGNATURE-----\n"
_MAGIC = b"SSHSIG"
_LINE = 70
_MAX_LENGTH = 64 * 1024
_NEXT_STEP = "Do not use this set before you know who wrote it."


def sign(tag_manifest: str, *, key_file: str) -> str:
    """Return the signature of a tag manifest, in OpenSSH's armoured form.

    :param tag_manifest: the file's text.
    :param key_file: an OpenSSH private key without a passphrase.
    :raises BackupError: when the key cannot be used.
    """
    return run_and_read(
        Command([programs.find("ssh-keygen"), "-q", "-Y", "sign", "-f", key_file, "-n", NAMESPACE]),
        action="sign a set",
        on=key_file,
        next_step="Check that the key exists, is readable and has no passphrase.",
        stdin=tag_manifest.encode("utf-8"),
    )


def verify(contents: Contents, *, signer: str, allowed_signers: str) -> None:
    """Check a set's signature.

    :param signer: who must have signed: the host of the set, as the allowed signers file names it.
    :param allowed_signers: a file as ssh-keygen(1), ALLOWED SIGNERS, describes it.
    :raises SetInvalid: when there is none, or it is not exactly one.
    :raises ProcessFailed: when it is not by ``signer``, or of something else.
    :raises BackupError: when this host cannot check it.
    """
    tag_manifest = read_set_text(contents, TAG_MANIFEST, on=signer)
    signature = read(contents, on=signer)
    if not os.path.isfile(allowed_signers):
        raise NotFound(
            "check a signature",
            on=signer,
            why=f"there is no file of allowed signers at {allowed_signers}",
            next_step="Prepare the systems computer (playbook infitulua.backup.step1_prepare_media).",
        )
    verify_text(
        tag_manifest,
        signature,
        signer=signer,
        allowed_signers=allowed_signers,
        namespace=NAMESPACE,
        action="check a signature",
        next_step=_NEXT_STEP,
    )


def verify_text(
    text: str,
    signature: str,
    *,
    signer: str,
    allowed_signers: str,
    namespace: str,
    action: str,
    next_step: str,
    pass_fds: t.Sequence[int] = (),
) -> None:
    """Check a signature over a text.

    :param signature: in OpenSSH's armoured form.
    :param signer: who must have signed, as the allowed signers name them.
    :param allowed_signers: the path of a file as ssh-keygen(1), ALLOWED SIGNERS, describes it.
    :param namespace: what it was signed for.
    :param pass_fds: descriptors that ``allowed_signers`` is read through.
    :raises ProcessFailed: when it is not by ``signer``, for something else, or of something else.
    :raises BackupError: when this host cannot check it.
    """
    with SecretFile(signature) as file:  # It is no secret, but this way it is left nowhere, however this ends.
        argv = [programs.find("ssh-keygen"), "-q", "-Y", "verify", "-f", allowed_signers, "-I", signer]
        run_and_read(
            Command([*argv, "-n", namespace, "-s", file.path], pass_fds=[file.descriptor, *pass_fds]),
            action=action,
            on=signer,
            next_step=next_step,
            stdin=text.encode("utf-8"),
        )


def read(contents: Contents, *, on: str) -> str:
    """Return the text of a set's signature: exactly what ssh-keygen(1) writes, with nothing before, in or after it.

    (ssh-keygen itself takes no notice of what surrounds it.)

    :param on: whose it is, for the message.
    :raises SetInvalid: when there is none, or it is something else.
    :raises Unreadable: when it cannot be read now.
    """
    text = read_set_text(contents, SIGNATURE, on=on)
    if not _is_exact(text):
        raise SetInvalid(
            "check a signature",
            on=on,
            why="it is not exactly one OpenSSH signature, or something was added to it",
            next_step=_NEXT_STEP,
        )
    return text


def _is_exact(text: str) -> bool:
    if len(text) > _MAX_LENGTH or not (text.startswith(_BEGIN) and text.endswith(_END)):
        return False
    try:
        blob = base64.b64decode("".join(text[len(_BEGIN) : -len(_END)].split("\n")), validate=True)
    except ValueError:
        return False
    encoded = base64.b64encode(blob).decode("ascii")
    lines = [encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE)]
    return blob.startswith(_MAGIC) and _BEGIN + "\n".join(lines) + _END == text
