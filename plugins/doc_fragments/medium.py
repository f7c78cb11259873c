# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of options that name a medium."""

from __future__ import annotations

import textwrap

# NAME is the option's.
_SUBOPTIONS = """\
type:
  description:
    - V(directory) is a directory of this host, such as a hard disk, a mounted volume or the vault.
    - V(ssh) is a directory of another host, reached with rsync over SSH.
    - V(s3) is a bucket of an S3-compatible object store.
  type: str
  required: true
  choices: [directory, s3, ssh]
path:
  description: The root directory (V(directory)). It must exist.
  type: path
require_mount:
  description:
    - A path that must be a mount point (V(directory)).
    - If nothing is mounted there, nothing is read or written, so that a backup never fills the system disk.
  type: path
ssh_host:
  description: The other host's name or address (V(ssh)).
  type: str
ssh_port:
  description: The other host's SSH port (V(ssh)); 22 when not given.
  type: int
ssh_user:
  description: The user to log in as (V(ssh)); the current user when not given.
  type: str
ssh_key_file:
  description:
    - The private key to log in with (V(ssh), required). No other key, agent or password is tried.
    - Its path must not contain spaces or quotes.
    - The other host should restrict it to one directory with a forced command, C(rrsync -ro DIR) to read, or
      C(rrsync -wo -no-del -no-overwrite DIR) to write.
  type: path
ssh_known_hosts_file:
  description:
    - The file with the other host's public key (V(ssh), required).
    - A host whose key is not in it is refused.
  type: path
ssh_remote_path:
  description:
    - The root directory as the remote rsync sees it (V(ssh)).
    - With a forced C(rrsync), which is already restricted to one directory, this is V(.), the default.
    - It may contain only letters, digits and C(. _ / @ + , -).
  type: str
bucket:
  description: The bucket (V(s3)).
  type: str
prefix:
  description: The prefix of the keys of all sets (V(s3)), without a slash at either end.
  type: str
endpoint_url:
  description:
    - The object store's URL (V(s3)); when not given, that of AWS.
    - It must be https, unless O(NAME.validate_certs=false). An IPv6 address is in brackets, C(https://[2001:db8::1]:8333).
    - A call that fails because the store or the network falters (no connection, no answer for 60 seconds, HTTP 429,
      500, 502, 503 and 504, V(SlowDown)) is tried again, with pauses of random length, until 180 seconds after its
      first failure; until 15 seconds after it, if the store has not answered at all yet, or was given up before.
    - An upload goes on where it stopped when the module is run again.
  type: str
region:
  description: The region (V(s3)).
  type: str
profile:
  description: The profile of the shared credentials file to use (V(s3)).
  type: str
credentials_file:
  description: The shared credentials file (V(s3)); when not given, the user's own.
  type: path
access_key:
  description: The access key id (V(s3)); preferably use a profile instead.
  type: str
secret_key:
  description: The secret access key (V(s3)); preferably use a profile instead.
  type: str
validate_certs:
  description:
    - Whether to check the object store's certificate (V(s3)).
    - V(true) when not given.
  type: bool
ca_bundle:
  description: A file with the certificate authorities to trust (V(s3)).
  type: path
state_directory:
  description:
    - A local directory for the journal of uploads (V(s3)), so that an interrupted upload is resumed or aborted,
      and for the receipts of audits (M(infitulua.backup.set_audit)), which record the exact object versions of
      each audited set.
    - A host with a put-only key has no other record of what it stored.
    - C(/var/lib/infitulua-backup) when not given.
  type: path
allowed_signers_file:
  description:
    - Accept only sets that their host has signed (V(s3)), according to this file (see ssh-keygen(1), ALLOWED
      SIGNERS).
    - Somebody who has stolen a server's key can put objects under the ids of its sets. Without this file and
      without a receipt, the objects that match each other and were complete first are taken for the set.
  type: path
proxy_url:
  description:
    - The HTTP proxy to reach the object store through (V(s3)), such as C(http://proxy.example.org:3128).
    - What is sent stays encrypted for the object store; the proxy cannot read it.
    - When not given, C(HTTPS_PROXY) and C(NO_PROXY) of the environment are used, if they are set for the module.
    - It must not contain a user or a password, since options are shown in results.
  type: str
bandwidth:
  description:
    - How many bytes per second may go over the network (V(s3), V(ssh)), to the medium and from it.
    - Each is a number of bytes per second, where V(K), V(M) and V(G) stand for 1024, 1024² and 1024³; or V(off), for
      no limit; or a timetable such as C(08:00,512K 19:00,off), the times of each day from which a rate holds, in the
      local time zone of the host that runs the module.
    - Less than 4K is refused.
    - With V(s3), the limit holds for everything that one module call sends, or reads, together. When the timetable
      changes the rate, transfers follow within seconds.
    - With V(ssh), rsync keeps the limit (C(--bwlimit)) that holds when the transfer of a set begins, until the end of
      that transfer. With C(download), it is the other host's rsync that keeps it.
  type: dict
  suboptions:
    upload:
      description: What goes to the medium.
      type: str
    download:
      description: What comes from the medium.
      type: str
retain_days:
  description: For how many days Object Lock protects each stored object from being deleted or altered (V(s3)).
  type: int
retain_mode:
  description: The mode of Object Lock (V(s3)); with O(NAME.retain_days), V(compliance) when not given.
  type: str
  choices: [compliance, governance]
"""


def _option(name: str, description: str, *, required: bool = True) -> str:
    """Return the documentation of an option that is a medium."""
    suboptions = textwrap.indent(_SUBOPTIONS.replace("NAME", name), " " * 6)
    return (
        f"options:\n  {name}:\n    description: {description}\n    type: dict\n"
        + ("    required: true\n" if required else "")
        + f"    suboptions:\n{suboptions}"
    )


class ModuleDocFragment:
    """Shared documentation."""

    # With their type, because ansible-test takes a plain assignment here for one of a constant.
    DOCUMENTATION: str = _option("medium", "The medium, a place that holds sets.")
    ORIGIN: str = _option("origin", "The medium that sets are copied from.")
    DESTINATION: str = _option("destination", "The medium that sets are copied to.")
    OBJECT_STORE: str = _option(
        "object_store",
        "An object store with copies of the sets of O(medium), which follow it. The key needs C(s3:ListBucket),"
        " C(s3:ListBucketVersions), C(s3:GetObjectRetention), C(s3:PutObjectRetention) and C(s3:DeleteObjectVersion).",
        required=False,
    )
    FURTHER: str = """\
options:
  further_media:
    description:
      - Further media to search in the same way and in this order, in the same call.
      - If one cannot be listed, the others are still searched and the module does not fail. Their sets are returned
        separately from those of O(medium).
    type: list
    elements: dict
    default: []
    suboptions:
      only_if_none:
        description: Whether to skip this medium if one of the media before it has returned a set.
        type: bool
        default: false
      medium:
        description: The medium.
        type: dict
        required: true
        suboptions:
""" + textwrap.indent(_SUBOPTIONS.replace("NAME", "further_media[].medium"), " " * 10)
    COMPLIANCE: str = """\
options:
  media:
    description:
      - The media to look for copies on.
      - The first must be a directory of this host, the vault. Its newest verified set of a source is what counts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A name for the answer, such as V(vault).
        type: str
        required: true
      off_site:
        description: Whether it is outside the institution's premises, which cannot be found out.
        type: bool
        default: false
      medium:
        description: The medium.
        type: dict
        required: true
        suboptions:
""" + textwrap.indent(_SUBOPTIONS.replace("NAME", "media[].medium"), " " * 10)
