# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make sets that must not pass, on a server's own disk, as whoever is root there could.

Each is an older sibling of a good set: what is wrong with it is all that tells it apart. The server's signing key is at
hand, so most of them are whole and signed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

HOST = "srv-misional"
DISK = Path("/var/backups/infitulua")
KEYS = Path("/etc/infitulua-backup")
#: What a set that does what it wants leaves behind, on whatever host that is.
MARK = "/tmp/hostile-mark"


@dataclass(frozen=True)
class Kind:
    """One way for a set to be wrong.

    :param caught_by: which part of step 3 finds it: ``pull``, which reads what it says of itself; ``verify``, before
        anything of it is decrypted; or ``drill``, which restores it.
    :param words: what the reason says, a regular expression.
    """

    source: str
    caught_by: str
    words: str

    def set_id(self, name: str) -> str:
        """The id of its set: each has a moment of its own."""
        return f"{HOST}/{self.source}/202601{list(KINDS).index(name) + 1:02d}T030000Z"


KINDS = {
    "corrupted": Kind("usuarios", "verify", "mismatch: data/"),
    "truncated": Kind("mesa-de-ayuda", "verify", "mismatch: data/"),
    "signed by nobody": Kind("usuarios", "verify", "mismatch: signature"),
    "signed by another": Kind("usuarios", "verify", "mismatch: signature"),
    "of another format": Kind("mesa-de-ayuda", "pull", "its format is 99"),
    "of another id": Kind("mesa-de-ayuda", "pull", "it describes the set 'srv-financiero/"),
    "with a path outside": Kind("usuarios", "verify", "outside the bag"),
    "corrupted and signed": Kind("usuarios", "drill", "failed to decrypt"),
    "truncated and signed": Kind("mesa-de-ayuda", "drill", "failed to decrypt"),
    "wrongly keyed": Kind("usuarios", "drill", "no identity matched"),
    "with a file outside": Kind("usuarios", "drill", r"\.\./.* outside of usuarios"),
    "with a way through a link": Kind("usuarios", "drill", "usuarios/way outside of usuarios"),
    "with a client's commands": Kind("tesoreria", "drill", "structure.*there is no valid statement at character 0"),
}


class Forgery:
    """A copy of the source's good set under another id, to be spoiled.

    :param name: one of :data:`KINDS`.
    """

    def __init__(self, name: str) -> None:
        self.id = KINDS[name].set_id(name)
        self.path = DISK / self.id
        good = next(path for path in sorted(self.path.parent.iterdir()) if not path.name.startswith(("2026010", ".")))
        shutil.copytree(good, self.path)
        self.description: dict[str, t.Any] = json.loads((self.path / "backup.json").read_text())
        self.description["id"] = self.id

    def payload(self, part: str = "") -> Path:
        """The file of a part, or of the largest one."""
        files = {file["part"]: file for file in self.description["payload"]}
        largest = max(files.values(), key=lambda file: int(file["bytes"]))
        return self.path / (files[part] if part else largest)["path"]

    def write(self, name: str, text: str) -> None:
        """Write one of the tag files anew."""
        (self.path / name).unlink(missing_ok=True)
        (self.path / name).write_text(text)
        (self.path / name).chmod(0o440)

    def seal(self, *, key: Path | None = KEYS / "signing_key", more: str = "") -> None:
        """Describe and sign what lies there, as the collection does.

        :param key: None: nobody signs.
        :param more: a line of the manifest for something else.
        """
        digests = {}
        for file in self.description["payload"]:
            content = (self.path / file["path"]).read_bytes()
            file.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
            digests[file["path"]] = file["sha256"]
        size = sum(file["bytes"] for file in self.description["payload"])
        info = re.sub(r"External-Identifier: .*", f"External-Identifier: {self.id}", self.read("bag-info.txt"))
        self.write("bag-info.txt", re.sub(r"Payload-Oxum: .*", f"Payload-Oxum: {size}.{len(digests)}", info))
        self.write("backup.json", json.dumps(self.description, indent=2, ensure_ascii=False) + "\n")
        self.write("manifest-sha256.txt", "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)) + more)
        tags = ["backup.json", "bag-info.txt", "bagit.txt", "manifest-sha256.txt"]
        lines = [f"{hashlib.sha256((self.path / name).read_bytes()).hexdigest()}  {name}\n" for name in tags]
        self.write("tagmanifest-sha256.txt", "".join(lines))
        if key is None:
            (self.path / "signature").unlink()
            return
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "infitulua.backup"]
        signed = subprocess.run(argv, input="".join(lines), capture_output=True, text=True, check=True).stdout
        self.write("signature", signed)

    def read(self, name: str) -> str:
        """One of the tag files."""
        return (self.path / name).read_text()

    def flip(self) -> None:
        """Alter one bit in the middle of the largest payload file."""
        content = bytearray(self.payload().read_bytes())
        content[len(content) // 2] ^= 1
        self.replace(bytes(content))

    def cut(self) -> None:
        """Take away the end of the largest payload file."""
        self.replace(self.payload().read_bytes()[:-100])

    def replace(self, content: bytes, part: str = "") -> None:
        """Put other bytes into a payload file."""
        path = self.payload(part)
        path.unlink()
        path.write_bytes(content)
        path.chmod(0o440)

    def replace_plain(self, content: bytes, part: str = "", recipients: t.Sequence[str] = ()) -> None:
        """Put other content into a payload file, compressed and encrypted as it should be."""
        to = [word for key in recipients for word in ("-r", key)] or ["-R", str(KEYS / "recipients")]
        packed = subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True).stdout
        self.replace(subprocess.run(["age", *to], input=packed, capture_output=True, check=True).stdout, part)


def archive(*members: tuple[str, str | None]) -> bytes:
    """A tar archive of files, and of links where the second word says to where."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, target in members:
            member = tarfile.TarInfo(name)
            if target is not None:
                member.type, member.linkname = tarfile.SYMTYPE, target
                tar.addfile(member)
            else:
                member.size = 4
                tar.addfile(member, io.BytesIO(b"mark"))
    return stream.getvalue()


def another_identity(program: str, path: Path) -> str:
    """Make a key that nobody knows of; return its public part."""
    if program == "age":
        subprocess.run(["age-keygen", "-o", str(path)], capture_output=True, check=True)
        return subprocess.run(
            ["age-keygen", "-y", str(path)], capture_output=True, text=True, check=True
        ).stdout.strip()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


def forge(name: str, scratch: Path) -> None:
    """Make one set that must not pass."""
    forgery = Forgery(name)
    if name in ("corrupted", "truncated"):
        forgery.seal()
        if name == "corrupted":
            forgery.flip()
        else:
            forgery.cut()
        return
    if name == "signed by nobody":
        forgery.seal(key=None)
        return
    if name == "signed by another":
        another_identity("ssh", scratch / "key")
        forgery.seal(key=scratch / "key")
        return
    if name == "with a path outside":
        forgery.seal(more=f"{hashlib.sha256(b'').hexdigest()}  data/../../../../../etc/cron.d/hostile\n")
        return
    if name == "of another format":
        forgery.description["format"] = 99
    elif name == "of another id":
        forgery.description["id"] = forgery.id.replace(HOST, "srv-financiero")
    elif name == "corrupted and signed":
        forgery.flip()
    elif name == "truncated and signed":
        forgery.cut()
    elif name == "wrongly keyed":
        forgery.replace_plain(archive(("usuarios/file", None)), recipients=[another_identity("age", scratch / "age")])
    elif name == "with a file outside":
        forgery.replace_plain(archive(("usuarios/../../../../../../../../../.." + MARK, None)))
    elif name == "with a way through a link":
        forgery.replace_plain(archive(("usuarios/way", "/tmp"), ("usuarios/way/hostile-mark", None)))
    elif name == "with a client's commands":
        forgery.replace_plain(f"\\! touch {MARK}\nsystem touch {MARK}\n".encode(), "structure")
    forgery.seal()


def main() -> None:
    """Entry point."""
    scratch = Path("/run/forge")
    scratch.mkdir(mode=0o700)
    os.umask(0o027)
    try:
        for name in KINDS:
            forge(name, scratch)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
