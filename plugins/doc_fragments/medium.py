# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of an option that names a medium."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    # The suboptions of a medium. Each module documents the option itself and takes these from here.
    DOCUMENTATION = r"""
options:
  medium:
    description: The medium, a place that holds sets.
    type: dict
    required: true
    suboptions:
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
          - Without the backup disk mounted there, nothing is read or written, so that a backup never fills the system
            disk.
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
          - The private key to log in with (V(ssh)), required there. No other key, agent or password is tried.
          - Its path holds no spaces or quotes.
          - The other host should bind it to one directory with a forced command, C(rrsync -ro DIR) to read, or
            C(rrsync -wo -no-del -no-overwrite DIR) to write.
        type: path
      ssh_known_hosts_file:
        description:
          - The file with the other host's public key (V(ssh)), required there.
          - A host whose key is not in it is refused.
        type: path
      ssh_remote_path:
        description:
          - The root directory as the remote rsync sees it (V(ssh)).
          - Behind a forced C(rrsync), which is bound to one directory already, this is V(.), the default.
          - It holds only letters, digits and C(. _ / @ + , -).
        type: str
      bucket:
        description: The bucket (V(s3)).
        type: str
      prefix:
        description: What the keys of all sets begin with (V(s3)), without a slash at either end.
        type: str
      endpoint_url:
        description:
          - The object store's URL (V(s3)); AWS's own when not given.
          - It is https, unless O(medium.validate_certs=false).
        type: str
      region:
        description: The region (V(s3)).
        type: str
      profile:
        description: The profile of the shared credentials file to use (V(s3)).
        type: str
      credentials_file:
        description: The shared credentials file (V(s3)); the user's own when not given.
        type: path
      access_key:
        description: The access key id (V(s3)); better kept in a profile.
        type: str
      secret_key:
        description: The secret access key (V(s3)); better kept in a profile.
        type: str
      validate_certs:
        description:
          - Whether the object store's certificate is checked (V(s3)).
          - It is, when not given.
        type: bool
      ca_bundle:
        description: A file with the certificate authorities to trust (V(s3)).
        type: path
      state_directory:
        description:
          - A local directory for the journal of uploads (V(s3)), so that an interrupted upload is resumed or aborted.
          - It is all that a host with a put-only key remembers of what it stored.
          - C(/var/lib/infitulua-backup) when not given.
        type: path
      retain_days:
        description: How many days Object Lock keeps each stored object from being deleted or altered (V(s3)).
        type: int
      retain_mode:
        description: Object Lock's mode (V(s3)), V(compliance) when not given and O(medium.retain_days) is.
        type: str
        choices: [compliance, governance]
"""

    ORIGIN = r"""
options:
  origin:
    description: The medium that sets are copied from.
    type: dict
    required: true
    suboptions:
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
          - Without the backup disk mounted there, nothing is read or written, so that a backup never fills the system
            disk.
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
          - The private key to log in with (V(ssh)), required there. No other key, agent or password is tried.
          - Its path holds no spaces or quotes.
          - The other host should bind it to one directory with a forced command, C(rrsync -ro DIR) to read, or
            C(rrsync -wo -no-del -no-overwrite DIR) to write.
        type: path
      ssh_known_hosts_file:
        description:
          - The file with the other host's public key (V(ssh)), required there.
          - A host whose key is not in it is refused.
        type: path
      ssh_remote_path:
        description:
          - The root directory as the remote rsync sees it (V(ssh)).
          - Behind a forced C(rrsync), which is bound to one directory already, this is V(.), the default.
          - It holds only letters, digits and C(. _ / @ + , -).
        type: str
      bucket:
        description: The bucket (V(s3)).
        type: str
      prefix:
        description: What the keys of all sets begin with (V(s3)), without a slash at either end.
        type: str
      endpoint_url:
        description:
          - The object store's URL (V(s3)); AWS's own when not given.
          - It is https, unless O(origin.validate_certs=false).
        type: str
      region:
        description: The region (V(s3)).
        type: str
      profile:
        description: The profile of the shared credentials file to use (V(s3)).
        type: str
      credentials_file:
        description: The shared credentials file (V(s3)); the user's own when not given.
        type: path
      access_key:
        description: The access key id (V(s3)); better kept in a profile.
        type: str
      secret_key:
        description: The secret access key (V(s3)); better kept in a profile.
        type: str
      validate_certs:
        description:
          - Whether the object store's certificate is checked (V(s3)).
          - It is, when not given.
        type: bool
      ca_bundle:
        description: A file with the certificate authorities to trust (V(s3)).
        type: path
      state_directory:
        description:
          - A local directory for the journal of uploads (V(s3)), so that an interrupted upload is resumed or aborted.
          - It is all that a host with a put-only key remembers of what it stored.
          - C(/var/lib/infitulua-backup) when not given.
        type: path
      retain_days:
        description: How many days Object Lock keeps each stored object from being deleted or altered (V(s3)).
        type: int
      retain_mode:
        description: Object Lock's mode (V(s3)), V(compliance) when not given and O(origin.retain_days) is.
        type: str
        choices: [compliance, governance]
"""

    DESTINATION = r"""
options:
  destination:
    description: The medium that sets are copied to.
    type: dict
    required: true
    suboptions:
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
          - Without the backup disk mounted there, nothing is read or written, so that a backup never fills the system
            disk.
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
          - The private key to log in with (V(ssh)), required there. No other key, agent or password is tried.
          - Its path holds no spaces or quotes.
          - The other host should bind it to one directory with a forced command, C(rrsync -ro DIR) to read, or
            C(rrsync -wo -no-del -no-overwrite DIR) to write.
        type: path
      ssh_known_hosts_file:
        description:
          - The file with the other host's public key (V(ssh)), required there.
          - A host whose key is not in it is refused.
        type: path
      ssh_remote_path:
        description:
          - The root directory as the remote rsync sees it (V(ssh)).
          - Behind a forced C(rrsync), which is bound to one directory already, this is V(.), the default.
          - It holds only letters, digits and C(. _ / @ + , -).
        type: str
      bucket:
        description: The bucket (V(s3)).
        type: str
      prefix:
        description: What the keys of all sets begin with (V(s3)), without a slash at either end.
        type: str
      endpoint_url:
        description:
          - The object store's URL (V(s3)); AWS's own when not given.
          - It is https, unless O(destination.validate_certs=false).
        type: str
      region:
        description: The region (V(s3)).
        type: str
      profile:
        description: The profile of the shared credentials file to use (V(s3)).
        type: str
      credentials_file:
        description: The shared credentials file (V(s3)); the user's own when not given.
        type: path
      access_key:
        description: The access key id (V(s3)); better kept in a profile.
        type: str
      secret_key:
        description: The secret access key (V(s3)); better kept in a profile.
        type: str
      validate_certs:
        description:
          - Whether the object store's certificate is checked (V(s3)).
          - It is, when not given.
        type: bool
      ca_bundle:
        description: A file with the certificate authorities to trust (V(s3)).
        type: path
      state_directory:
        description:
          - A local directory for the journal of uploads (V(s3)), so that an interrupted upload is resumed or aborted.
          - It is all that a host with a put-only key remembers of what it stored.
          - C(/var/lib/infitulua-backup) when not given.
        type: path
      retain_days:
        description: How many days Object Lock keeps each stored object from being deleted or altered (V(s3)).
        type: int
      retain_mode:
        description: Object Lock's mode (V(s3)), V(compliance) when not given and O(destination.retain_days) is.
        type: str
        choices: [compliance, governance]
"""
