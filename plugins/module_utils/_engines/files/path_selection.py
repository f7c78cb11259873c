# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names of an archive are restored, where only some are asked for.

The archive is read twice: to see which names are meant, and what they need besides (the directories that lead to them;
of a hard link, the name that holds the content), and then to restore them. So what is not there is told before anything
is made, and nothing of what is not wanted is ever written.
"""

from __future__ import annotations

import fnmatch
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from ..names import escape, given, given_pattern

_WILDCARD = re.compile(rb"[*?\[]")


class PathSelection:
    """Patterns of names to restore, as fnmatch(3) without flags understands them: ``*`` crosses slashes too.

    :param patterns: in the notation of names; what is a name, or a path, to the letter means that one too. One that
        begins with a slash is compared with the whole path, as it was archived; one without any
        slash with each name alone. A directory that is meant brings all that is in it.
    :raises Refused: when one is neither.
    """

    def __init__(self, patterns: t.Sequence[str]) -> None:
        self.patterns = [given(pattern.rstrip("/") or "/") for pattern in patterns]
        for pattern in self.patterns:
            if (b"/" in pattern and not pattern.startswith(b"/")) or not pattern.strip(b"/"):
                raise Refused(
                    "restore some of the files",
                    on=escape(pattern),
                    why="it is neither a whole path nor a name alone",
                    next_step="Give the path as it was archived (/srv/usuarios/ana/carta.odt, /srv/usuarios/ana/*.odt),"
                    " or a name (carta.odt, *.odt).",
                )
        # Bytes, decoded so that "?" stands for a character as it does for whoever wrote the pattern.
        self._compiled = [
            re.compile(fnmatch.translate(_text(given_pattern(pattern.rstrip("/") or "/")))) for pattern in patterns
        ]

    def may_lie_in(self, root: bytes) -> bool:
        """Whether something in this tree, or the tree itself, can be meant."""
        for pattern in self.patterns:
            head = _WILDCARD.split(pattern, maxsplit=1)[0]
            if b"/" not in pattern or (root + b"/").startswith(head) or (head + b"/").startswith(root + b"/"):
                return True
        return False

    def matching(self, path: bytes) -> list[bytes]:
        """Return the patterns that mean this very path."""
        text = _text(path)
        name = os.path.basename(text)
        return [
            pattern
            for pattern, compiled in zip(self.patterns, self._compiled)
            if _text(pattern) == (text if b"/" in pattern else name)
            or compiled.match(text if b"/" in pattern else name)
        ]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


class PathMatches:
    """What is restored of one archive.

    :param only: what was asked for.
    :param root: the archived path, which the archive holds under its last name.

    ``found``: the patterns that mean something; ``meant``: the paths that they mean; ``linked``: what comes along
    because a hard link to it is meant.
    """

    def __init__(self, only: PathSelection, root: bytes) -> None:
        self._only = only
        self._parent = os.path.dirname(root)
        self._directories: set[bytes] = set()  # Those that are meant, so that all below them is.
        self._needed: set[bytes] = set()
        self.found: set[bytes] = set()
        self.meant: list[bytes] = []
        self.linked: list[bytes] = []

    def match(self, name: bytes, is_directory: bool, link: bytes | None) -> bool:
        """Of the first reading, for the guard: whether a member is meant."""
        patterns = self._only.matching(os.path.join(self._parent, name))
        self.found.update(patterns)
        if not self._is_within(name):
            if not patterns:
                return False
            self.meant.append(os.path.join(self._parent, name))
        if is_directory:
            self._directories.add(name)
        self._need_parents(name)
        if link is not None and link not in self._needed and not self._is_meant(link):
            self._needed.add(link)
            self._need_parents(link)
            self.linked.append(os.path.join(self._parent, link))
        return True

    def is_chosen(self, name: bytes, _is_directory: bool, _link: bytes | None) -> bool:
        """Of the second reading, for the guard: whether a member is restored."""
        return name in self._needed or self._is_meant(name)

    def _is_meant(self, name: bytes) -> bool:
        return self._is_within(name) or bool(self._only.matching(os.path.join(self._parent, name)))

    def _is_within(self, name: bytes) -> bool:
        return os.path.dirname(name) in self._directories or name in self._directories

    def _need_parents(self, name: bytes) -> None:
        parent = os.path.dirname(name)
        while parent and parent not in self._needed:
            self._needed.add(parent)
            parent = os.path.dirname(parent)
