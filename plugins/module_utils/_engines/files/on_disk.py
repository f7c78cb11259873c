# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where a tree is restored, or was restored."""

from __future__ import annotations

import collections
import os
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import is_there

from ..names import escape, from_tar
from ..staging import as_backup_error


def nearest_parent(path: bytes) -> tuple[bytes, bool]:
    """Return the nearest parent that exists, and whether entries can be made in it."""
    parent = os.path.dirname(path)
    while not is_there(parent):
        parent = os.path.dirname(parent)
    return parent, os.path.isdir(parent) and os.access(parent, os.W_OK | os.X_OK)


def is_empty(path: bytes) -> bool | None:
    """Tell whether a path is an empty directory; None if nothing is there."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return False
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def mounted_below(path: bytes) -> str | None:
    """Return a file system that went along with a tree when it was renamed, and must not be emptied with it."""
    with open("/proc/self/mounts", "rb") as stream:
        mounts = [from_tar(line.split(b" ")[1]) for line in stream]
    inside = [mount for mount in mounts if mount == path or mount.startswith(path + b"/")]
    return f"the file system mounted on {escape(inside[0])}" if inside else None


def count_tree(root: bytes) -> tuple[dict[str, int], t.Counter[tuple[int, int]]]:
    """Count what lies in a tree, as :class:`Tally` does, and how many members belong to which user and group."""
    counts: dict[str, int] = {"content_bytes": 0}
    owners: t.Counter[tuple[int, int]] = collections.Counter()
    seen: set[tuple[int, int]] = set()

    def count(status: os.stat_result) -> None:
        kind = stat.S_IFMT(status.st_mode)
        name = {
            stat.S_IFDIR: "directories",
            stat.S_IFREG: "files",
            stat.S_IFLNK: "symbolic_links",
            stat.S_IFIFO: "fifos",
        }.get(kind, "others")
        if kind != stat.S_IFDIR and status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in seen:
                name = "hard_links"
            seen.add((status.st_dev, status.st_ino))
        counts[name] = counts.get(name, 0) + 1
        if name != "hard_links":
            owners[status.st_uid, status.st_gid] += 1
        if name == "files":
            counts["content_bytes"] += status.st_size

    try:
        count(os.lstat(root))
        pending = [root] if stat.S_ISDIR(os.lstat(root).st_mode) else []
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    count(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    except OSError as error:
        raise as_backup_error("read what was restored", root, error) from error
    return counts, owners
