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

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid, Unreadable, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._system.patience import with_patience

BAGIT_TXT = "bagit.txt"
BAG_INFO_TXT = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = "signature"
PAYLOAD_DIRECTORY = "data"
# RFC 8493, section 2.1.1: exactly these two lines.
DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
CHUNK = 1024 * 1024

_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  (.+)", re.DOTALL)
# A set has a handful of tag files of a few kilobytes, and some dozens of payload files; more did not come from us.
MAX_TAG_FILE_BYTES = 64 * 1024 * 1024
MAX_FILES = 10_100
MAX_PATH = 4096
MAX_BAG_INFO_LINES = 100


class Contents(t.Protocol):
    """The files of one bag, wherever it is."""

    def sizes(self) -> dict[str, int]:
        """Each file's path within the bag ('/' separated) and its size in bytes."""

    def open(self, path: str) -> t.BinaryIO:
        """Return a readable stream of one file's bytes. The caller closes it.

        :raises NoPlainFile: when something else is in the file's place.
        :raises OSError: when it cannot be opened or read.
        """


class NoPlainFile(OSError):
    """Something that is not a file is in a file's place: a link, a FIFO, a device."""


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
    """Return the findings in one line, for a message; the first ones only where there are very many."""
    shown = "; ".join(map(str, findings[:most]))
    return shown + (f"; and {len(findings) - most} more" if len(findings) > most else "")


def encode_path(path: str) -> str:
    """Return a path as a manifest writes it: CR, LF and percent encoded (RFC 8493, section 2.1.3)."""
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def decode_path(text: str) -> str:
    """Return the inverse of :func:`encode_path`."""
    return re.sub("%0a", "\n", re.sub("%0d", "\r", text, flags=re.I), flags=re.I).replace("%25", "%")


def is_safe_path(path: str) -> bool:
    """Whether a path from a manifest stays within the bag (RFC 8493, section 5.1)."""
    if not path or path.startswith(("/", "~")) or "\\" in path or "\0" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def write_manifest(digests: t.Mapping[str, str]) -> str:
    """Return the text of a manifest.

    :param digests: path within the bag to SHA-256, hexadecimal.
    """
    return "".join(f"{digests[path]}  {encode_path(path)}\n" for path in sorted(digests))


def read_manifest(text: str, *, name: str) -> tuple[dict[str, str], list[Finding]]:
    """Return the digests of a manifest and what is wrong with its text.

    Only exactly what :func:`write_manifest` writes is right: what is signed has one form and no other.
    """
    digests: dict[str, str] = {}
    findings: list[Finding] = []
    if text.count("\n") > MAX_FILES:
        return {}, [Finding("malformed", name, f"it has more than {MAX_FILES} lines")]
    for number, line in enumerate(text.split("\n")[: text.count("\n")], start=1):
        match = _MANIFEST_LINE.fullmatch(line)
        if match is None or len(line) > MAX_PATH:
            findings.append(Finding("malformed", name, f"line {number} is not '<sha256>  <path>'"))
            continue
        path = decode_path(match.group(2))
        if not is_safe_path(path):
            findings.append(Finding("malformed", name, f"line {number} names a path outside the bag: {path!r}"))
        elif path in digests:
            findings.append(Finding("malformed", name, f"line {number} names {path!r} a second time"))
        else:
            digests[path] = match.group(1)
    if not findings and write_manifest(digests) != text:
        findings.append(Finding("malformed", name, "it is not in the order, or not encoded or ended, as we write it"))
    return digests, findings


def write_bag_info(fields: t.Mapping[str, str]) -> str:
    """Return the text of bag-info.txt; line breaks in values are folded to spaces."""
    return "".join(f"{label}: {' '.join(str(value).split())}\n" for label, value in fields.items())


def read_bag_info(text: str) -> tuple[dict[str, str], list[Finding]]:
    """Return the fields of bag-info.txt and what is wrong with its text.

    Only exactly what :func:`write_bag_info` writes is right.
    """
    pairs = [line.split(": ", 1) for line in text.split("\n", MAX_BAG_INFO_LINES)]
    fields = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    if write_bag_info(fields) != text:
        return fields, [Finding("malformed", BAG_INFO_TXT, "it is not written as we write it, a line for each field")]
    return fields, []


def payload_oxum(sizes: t.Mapping[str, int]) -> str:
    """``<bytes>.<files>`` of the payload (RFC 8493, section 2.2.2)."""
    payload = [size for path, size in sizes.items() if path.startswith(PAYLOAD_DIRECTORY + "/")]
    return f"{sum(payload)}.{len(payload)}"


def sha256_of_text(text: str) -> str:
    """SHA-256 of a tag file's text, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_text(contents: Contents, path: str) -> str:
    """One tag file as text.

    :raises OSError: when it cannot be read, after some attempts.
    :raises ValueError: when it is not UTF-8, or absurdly large.
    """

    def read() -> bytes:
        with contents.open(path) as stream:
            return stream.read(MAX_TAG_FILE_BYTES + 1)

    data = with_patience(read)
    if len(data) > MAX_TAG_FILE_BYTES:
        raise ValueError(f"larger than {MAX_TAG_FILE_BYTES} bytes")
    return data.decode("utf-8")


@dataclasses.dataclass
class Validation:
    """What validating a bag found.

    :param findings: empty for a valid bag.
    :param bytes_read: how many bytes were read and hashed.
    :param tag_manifest_sha256: SHA-256 of tagmanifest-sha256.txt: names the exact content of the set.
    :param payload: what the manifest says of the payload: path to SHA-256.
    """

    findings: list[Finding]
    info: dict[str, str] = dataclasses.field(default_factory=dict)
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    bytes_read: int = 0
    tag_manifest_sha256: str = ""
    payload: dict[str, str] = dataclasses.field(default_factory=dict)


def validate(
    contents: Contents, progress: t.Callable[[int], None] = lambda count: None, *, payload_bytes: bool = True
) -> Validation:
    """Read every byte of a bag and compare it with the manifests.

    Everything that is wrong is collected; nothing is raised for a bad bag. A file that cannot be read is
    ``unreadable``, which is not the same as a mismatch: the medium failed, not necessarily the content.

    :param progress: called with the number of bytes just read.
    :param payload_bytes: False leaves the payload files unread (they must be there): for who reads them anyway.
    :raises BackupError: when the medium itself cannot be asked.
    """
    sizes = contents.sizes()
    if len(sizes) > MAX_FILES:
        return Validation([Finding("malformed", PAYLOAD_DIRECTORY, f"it has {len(sizes)} files, no set of ours has")])
    texts, findings = _read_tag_files(contents, sizes)
    if any(finding.kind == "unreadable" for finding in findings):
        return Validation(findings, sizes=sizes)  # Of the rest, nothing can be said.
    if texts.get(BAGIT_TXT, DECLARATION) != DECLARATION:
        findings.append(Finding("malformed", BAGIT_TXT, "it is not the declaration of a BagIt 1.0 bag in UTF-8"))

    payload, problems = read_manifest(texts.get(MANIFEST, ""), name=MANIFEST)
    findings += problems
    tags, problems = read_manifest(texts.get(TAG_MANIFEST, ""), name=TAG_MANIFEST)
    findings += problems
    info, problems = read_bag_info(texts.get(BAG_INFO_TXT, ""))
    findings += problems

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
            findings.append(_unread(path, error))
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
        payload=payload,
    )


def _read_tag_files(contents: Contents, sizes: t.Mapping[str, int]) -> tuple[dict[str, str], list[Finding]]:
    texts: dict[str, str] = {}
    findings: list[Finding] = []
    for path in (BAGIT_TXT, BAG_INFO_TXT, MANIFEST, TAG_MANIFEST):
        if path not in sizes:
            findings.append(Finding("missing", path, "every set has it"))
            continue
        try:
            texts[path] = read_text(contents, path)
        except OSError as error:
            findings.append(_unread(path, error))
        except ValueError as error:
            findings.append(Finding("malformed", path, str(error)))
    return texts, findings


def _unread(path: str, error: OSError) -> Finding:
    """Return a file that could not be read: only where it is none, the set is to blame."""
    kind = "malformed" if isinstance(error, NoPlainFile) else "unreadable"
    return Finding(kind, path, describe_os_error(error))


def _hash(contents: Contents, path: str, progress: t.Callable[[int], None]) -> tuple[str, int]:
    told = 0

    def hash_once() -> tuple[str, int]:
        nonlocal told
        digest = hashlib.sha256()
        count = 0
        view = memoryview(bytearray(CHUNK))
        with contents.open(path) as stream:
            readinto = getattr(stream, "readinto", None)
            while True:
                if readinto is not None:
                    length = readinto(view)
                    digest.update(view[:length])
                else:
                    chunk = stream.read(CHUNK)
                    length = len(chunk)
                    digest.update(chunk)
                if not length:
                    return digest.hexdigest(), count
                count += length
                if count > told:  # What is read a second time was reported the first time.
                    progress(count - told)
                    told = count

    return with_patience(hash_once)


def expected_digests(contents: Contents) -> dict[str, str]:
    """Return what the manifests of a set say of its files: path to SHA-256, hexadecimal.

    For callers that copy a set and hash it on the way. The tag manifest and the signature, which no manifest names,
    are left out.

    :raises SetInvalid: when a manifest is none.
    :raises Unreadable: when one cannot be read.
    """
    digests: dict[str, str] = {}
    for name in (TAG_MANIFEST, MANIFEST):
        try:
            found, findings = read_manifest(read_set_text(contents, name, on=name), name=name)
        except ValueError as error:
            findings = [Finding("malformed", name, str(error))]
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


def read_set_text(contents: Contents, path: str, *, on: str) -> str:
    """One tag file as text, for who needs it to go on.

    :param on: the set, for the message.
    :raises Unreadable: when it cannot be read now.
    :raises SetInvalid: when it is no text file of a set.
    """
    try:
        return read_text(contents, path)
    except (NoPlainFile, FileNotFoundError, ValueError) as error:
        raise SetInvalid(
            f"read {path}",
            on=on,
            why=describe_os_error(error) if isinstance(error, OSError) else str(error),
            next_step="Verify the set with set_verify; use another copy.",
        ) from error
    except OSError as error:
        raise Unreadable(
            f"read {path}",
            on=on,
            why=describe_os_error(error),
            next_step="Nothing is known about the set. Check the disk that it is on, and run again;"
            " or use another copy.",
        ) from error


def tag_manifest_digest(contents: Contents) -> str:
    """SHA-256 of tagmanifest-sha256.txt, which names the exact content of a set.

    :raises BackupError: when it cannot be read.
    """
    return sha256_of_text(read_set_text(contents, TAG_MANIFEST, on=TAG_MANIFEST))
