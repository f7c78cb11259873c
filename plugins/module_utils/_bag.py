# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BagIt bags (RFC 8493): manifests and tag files as text, and the validation of a bag on any medium.

Only what this collection needs of the RFC: one algorithm (SHA-256), no ``fetch.txt``, UTF-8.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    SetInvalid,
    describe_os_error,
)

BAGIT_TXT = "bagit.txt"
BAG_INFO_TXT = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = "signature"
PAYLOAD_DIRECTORY = "data"
# RFC 8493, section 2.1.1: exactly these two lines.
DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
CHUNK = 1024 * 1024

# A "*" directly before the path is the mark of sha256sum(1) for binary mode; one after two blanks is the path's own.
_MANIFEST_LINE = re.compile(r"([0-9a-fA-F]{64})(?:[ \t]\*|[ \t]+)(.+)", re.DOTALL)
# A set has a handful of tag files of a few kilobytes; anything larger did not come from us.
MAX_TAG_FILE_BYTES = 64 * 1024 * 1024


class Contents(t.Protocol):
    """The files of one bag, wherever it is."""

    def sizes(self) -> dict[str, int]:
        """Each file's path within the bag ('/' separated) and its size in bytes."""

    def open(self, path: str) -> t.BinaryIO:
        """A readable stream of one file's bytes. The caller closes it.

        :raises OSError: when it cannot be opened or read.
        """


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a bag.

    :param kind: ``missing``, ``unexpected``, ``mismatch``, ``unreadable`` or ``malformed``.
    """

    kind: str
    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.why}"


def describe_findings(findings: t.Sequence[Finding], *, most: int = 10) -> str:
    """The findings in one line, for a message; the first ones only where there are very many."""
    shown = "; ".join(map(str, findings[:most]))
    return shown + (f"; and {len(findings) - most} more" if len(findings) > most else "")


def _lines(text: str) -> list[str]:
    # Not str.splitlines(), which also breaks at characters that a path may hold.
    return re.split(r"\r\n|\n|\r", text)


def encode_path(path: str) -> str:
    """A path as a manifest writes it: CR, LF and percent encoded (RFC 8493, section 2.1.3)."""
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def decode_path(text: str) -> str:
    """The inverse of :func:`encode_path`."""
    return re.sub("%0a", "\n", re.sub("%0d", "\r", text, flags=re.I), flags=re.I).replace("%25", "%")


def is_safe_path(path: str) -> bool:
    """Whether a path from a manifest stays within the bag (RFC 8493, section 5.1)."""
    if not path or path.startswith(("/", "~")) or "\\" in path or "\0" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def write_manifest(digests: t.Mapping[str, str]) -> str:
    """The text of a manifest.

    :param digests: path within the bag to SHA-256, hexadecimal.
    """
    return "".join(f"{digests[path]}  {encode_path(path)}\n" for path in sorted(digests))


def read_manifest(text: str, *, name: str) -> tuple[dict[str, str], list[Finding]]:
    """The digests of a manifest and what is wrong with its text."""
    digests: dict[str, str] = {}
    findings: list[Finding] = []
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        match = _MANIFEST_LINE.fullmatch(line)
        if match is None:
            findings.append(Finding("malformed", name, f"line {number} is not '<sha256> <path>'"))
            continue
        path = decode_path(match.group(2))
        if not is_safe_path(path):
            findings.append(Finding("malformed", name, f"line {number} names a path outside the bag: {path!r}"))
        elif path in digests:
            findings.append(Finding("malformed", name, f"line {number} names {path!r} a second time"))
        else:
            digests[path] = match.group(1).lower()
    return digests, findings


def write_bag_info(fields: t.Mapping[str, str]) -> str:
    """The text of bag-info.txt; line breaks in values are folded to spaces."""
    return "".join(f"{label}: {' '.join(str(value).split())}\n" for label, value in fields.items())


def read_bag_info(text: str) -> dict[str, str]:
    """The fields of bag-info.txt; a continued line (RFC 8493, section 2.2.2) is joined to its field."""
    fields: dict[str, str] = {}
    label = ""
    for line in _lines(text):
        if line[:1] in (" ", "\t") and label:
            fields[label] += " " + line.strip()
        elif ":" in line:
            label, value = line.split(":", 1)
            fields[label] = value.strip()
    return fields


def payload_oxum(sizes: t.Mapping[str, int]) -> str:
    """``<bytes>.<files>`` of the payload (RFC 8493, section 2.2.2)."""
    payload = [size for path, size in sizes.items() if path.startswith(PAYLOAD_DIRECTORY + "/")]
    return f"{sum(payload)}.{len(payload)}"


def sha256_of_text(text: str) -> str:
    """SHA-256 of a tag file's text, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_text(contents: Contents, path: str) -> str:
    """One tag file as text.

    :raises OSError: when it cannot be read.
    :raises ValueError: when it is not UTF-8, or absurdly large.
    """
    with contents.open(path) as stream:
        data = stream.read(MAX_TAG_FILE_BYTES + 1)
    if len(data) > MAX_TAG_FILE_BYTES:
        raise ValueError(f"larger than {MAX_TAG_FILE_BYTES} bytes")
    return data.decode("utf-8")


@dataclasses.dataclass
class Validation:
    """What validating a bag found.

    :param findings: empty for a valid bag.
    :param bytes_read: how many bytes were read and hashed.
    :param tag_manifest_sha256: SHA-256 of tagmanifest-sha256.txt: names the exact content of the set.
    """

    findings: list[Finding]
    info: dict[str, str]
    sizes: dict[str, int]
    bytes_read: int
    tag_manifest_sha256: str


def validate(
    contents: Contents, progress: t.Callable[[int], None] = lambda count: None, *, payload_bytes: bool = True
) -> Validation:
    """Reads every byte of a bag and compares it with the manifests.

    Everything that is wrong is collected; nothing is raised for a bad bag. A file that cannot be read is
    ``unreadable``, which is not the same as a mismatch: the medium failed, not necessarily the content.

    :param progress: called with the number of bytes just read.
    :param payload_bytes: False leaves the payload files unread (they must be there): for who reads them anyway.
    :raises BackupError: when the medium itself cannot be asked.
    """
    sizes = contents.sizes()
    findings: list[Finding] = []
    texts: dict[str, str] = {}
    for path in (BAGIT_TXT, BAG_INFO_TXT, MANIFEST, TAG_MANIFEST):
        if path not in sizes:
            findings.append(Finding("missing", path, "every set has it"))
            continue
        try:
            texts[path] = read_text(contents, path)
        except OSError as error:
            findings.append(Finding("unreadable", path, describe_os_error(error)))
        except ValueError as error:
            findings.append(Finding("malformed", path, str(error)))
    if texts.get(BAGIT_TXT, DECLARATION) != DECLARATION:
        findings.append(Finding("malformed", BAGIT_TXT, "it is not the declaration of a BagIt 1.0 bag in UTF-8"))

    payload, problems = read_manifest(texts.get(MANIFEST, ""), name=MANIFEST)
    findings += problems
    tags, problems = read_manifest(texts.get(TAG_MANIFEST, ""), name=TAG_MANIFEST)
    findings += problems
    info = read_bag_info(texts.get(BAG_INFO_TXT, ""))

    for path in list(payload):
        if not path.startswith(PAYLOAD_DIRECTORY + "/"):
            findings.append(Finding("malformed", MANIFEST, f"it names {path!r}, which is not under data/"))
            del payload[path]
    for path in list(tags):
        if path.startswith(PAYLOAD_DIRECTORY + "/") or path in (TAG_MANIFEST, SIGNATURE):
            findings.append(Finding("malformed", TAG_MANIFEST, f"it names {path!r}, which is not a tag file"))
            del tags[path]
    if TAG_MANIFEST in texts:
        for path in (BAGIT_TXT, BAG_INFO_TXT, MANIFEST):
            if path not in tags:
                findings.append(Finding("missing", path, f"{TAG_MANIFEST} does not vouch for it"))

    expected = {**tags, **payload}
    bytes_read = 0
    for path in sorted(expected):
        if path not in sizes:
            findings.append(Finding("missing", path, "a manifest names it"))
            continue
        if path in payload and not payload_bytes:
            continue
        try:
            digest, count = _hash(contents, path, progress)
        except OSError as error:
            findings.append(Finding("unreadable", path, describe_os_error(error)))
            continue
        bytes_read += count
        if digest != expected[path]:
            why = f"SHA-256 is {digest}, the manifest says {expected[path]} ({count} bytes read)"
            findings.append(Finding("mismatch", path, why))
    for path in sorted(set(sizes) - set(expected) - {TAG_MANIFEST, SIGNATURE}):
        if path not in (BAGIT_TXT, BAG_INFO_TXT, MANIFEST):
            findings.append(Finding("unexpected", path, "no manifest names it"))
    oxum = info.get("Payload-Oxum")
    if BAG_INFO_TXT in texts and oxum != payload_oxum(sizes):
        why = f"Payload-Oxum is {oxum}, the payload here is {payload_oxum(sizes)} (bytes.files)"
        findings.append(Finding("mismatch", BAG_INFO_TXT, why))
    return Validation(
        findings=findings,
        info=info,
        sizes=sizes,
        bytes_read=bytes_read,
        tag_manifest_sha256=sha256_of_text(texts.get(TAG_MANIFEST, "")),
    )


def _hash(contents: Contents, path: str, progress: t.Callable[[int], None]) -> tuple[str, int]:
    digest = hashlib.sha256()
    count = 0
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    with contents.open(path) as stream:
        readinto = getattr(stream, "readinto", None)
        while True:
            if readinto is not None:
                length = readinto(buffer)
                if not length:
                    break
                digest.update(view[:length])
            else:
                chunk = stream.read(CHUNK)
                length = len(chunk)
                if not length:
                    break
                digest.update(chunk)
            count += length
            progress(length)
    return digest.hexdigest(), count


def expected_digests(contents: Contents) -> dict[str, str]:
    """What the manifests of a set say of its files: path to SHA-256, hexadecimal.

    For whoever copies a set and hashes it on the way. The tag manifest and the signature, which no manifest names,
    are left out.

    :raises BackupError: when a manifest cannot be read.
    """
    digests: dict[str, str] = {}
    for name in (TAG_MANIFEST, MANIFEST):
        try:
            found, findings = read_manifest(read_text(contents, name), name=name)
        except (OSError, ValueError) as error:
            findings = [Finding("unreadable", name, str(error))]
            found = {}
        if findings:
            raise SetInvalid(
                "read the manifests of a set",
                on=name,
                why="; ".join(map(str, findings)),
                next_step="Verify the set with set_verify; use another copy.",
                details=[str(finding) for finding in findings],
            )
        digests.update(found)
    return digests


def tag_manifest_digest(contents: Contents) -> str:
    """SHA-256 of tagmanifest-sha256.txt, which names the exact content of a set.

    :raises BackupError: when it cannot be read.
    """
    try:
        return sha256_of_text(read_text(contents, TAG_MANIFEST))
    except (OSError, ValueError) as error:
        raise BackupError(
            "read the tag manifest of a set",
            on=TAG_MANIFEST,
            why=describe_os_error(error) if isinstance(error, OSError) else str(error),
            next_step="Verify the set with set_verify.",
        ) from error
