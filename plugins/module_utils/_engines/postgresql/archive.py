# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pg_restore prints about an archive: the entries of its list, and which of them failed.

What the server says of a failure quotes definitions, and definitions hold secrets (the password of a user mapping, a
key in a routine): of each failure only a sentence that can quote names alone is kept.
"""

from __future__ import annotations

import dataclasses
import re
import sys

from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Outcome

from .session_failed import ENVIRONMENT

# Failures of thousands of entries are told apart by what pg_restore prints.
STDERR_LIMIT = 64 * 1024 * 1024
# pg_restore empties search_path, and every archive does so again by this statement. Another of the same length in its
# place gives the session the path back that it began with.
_EMPTY_PATH = b"SELECT pg_catalog.set_config('search_path', '', false);"
_KEEP_PATH = b"RESET search_path;".ljust(len(_EMPTY_PATH))
# It stands among the first entries of the list with which an archive begins.
_HEAD_BYTES = 64 * 1024
# Passes an archive on with that change.
_FILTER = f"""
import shutil, sys
source, sink = sys.stdin.buffer, sys.stdout.buffer
sink.write(source.read({_HEAD_BYTES}).replace({_EMPTY_PATH!r}, {_KEEP_PATH!r}, 1))
shutil.copyfileobj(source, sink, 1024 * 1024)
"""
KEEP_PATH_FILTER = (sys.executable, "-I", "-S", "-c", _FILTER)

# As pg_restore's lists name them; longer ones first, since names may follow without anything to tell them apart.
_KINDS = (
    "ACCESS METHOD|ACL|AGGREGATE|BLOB METADATA|BLOB COMMENTS|BLOBS|BLOB|CAST|CHECK CONSTRAINT|COLLATION|COMMENT"
    "|CONSTRAINT|CONVERSION|DATABASE PROPERTIES|DATABASE|DEFAULT ACL|DEFAULT|DOMAIN|EVENT TRIGGER|EXTENSION"
    "|FK CONSTRAINT|FOREIGN DATA WRAPPER|FOREIGN TABLE|FUNCTION|INDEX ATTACH|INDEX|LARGE OBJECT|MATERIALIZED VIEW DATA"
    "|MATERIALIZED VIEW|OPERATOR CLASS|OPERATOR FAMILY|OPERATOR|POLICY|PROCEDURAL LANGUAGE|PROCEDURE"
    "|PUBLICATION TABLES IN SCHEMA|PUBLICATION TABLE|PUBLICATION|ROW SECURITY|RULE|SCHEMA|SECURITY LABEL"
    "|SEQUENCE OWNED BY|SEQUENCE SET|SEQUENCE|SERVER|SHELL TYPE|STATISTICS DATA|STATISTICS|SUBSCRIPTION TABLE"
    "|SUBSCRIPTION|TABLE ATTACH|TABLE DATA|TABLE|TEXT SEARCH CONFIGURATION|TEXT SEARCH DICTIONARY|TEXT SEARCH PARSER"
    "|TEXT SEARCH TEMPLATE|TRANSFORM|TRIGGER|TYPE|USER MAPPING|VIEW"
)
_ENTRY = re.compile(rf"(?P<number>\d+); (?P<object>\d+ \d+) (?P<kind>{_KINDS}) (?P<rest>.*)")
# Parallel jobs write at the same time: what a line begins with may stand at the head of another one.
_FROM_ENTRY = re.compile(
    rf"(?:pg_restore:|error:|warning:|detail:|hint:|\s)*from TOC entry (\d+); \d+ \d+ (?P<kind>{_KINDS}) "
)
_ERROR = re.compile(
    r"pg_restore: error: (?P<server>could not execute query: |COPY failed for table \".*?\": |query failed: )?"
    r"(?P<text>.*)"
)
_IGNORED = re.compile(r"pg_restore: warning: errors ignored on restore: (\d+)")
# Since 17, pg_restore begins with a setting that older servers do not know, and cannot be told not to.
_UNKNOWN_SETTING = "transaction_timeout"
# What takes room or memory to make, and is missed where it is missing. In another language than English nothing that
# the server says tells a full disk from rows that break a rule.
_BUILT = frozenset(
    {
        "INDEX",
        "INDEX ATTACH",
        "CONSTRAINT",
        "FK CONSTRAINT",
        "CHECK CONSTRAINT",
        "TABLE ATTACH",
        "MATERIALIZED VIEW DATA",
    }
)
_UNTOLD = (
    "the server refused an index, a constraint or a view's rows (its log says why); whether the server itself is at"
    " fault cannot be told, because it does not speak English to this user: restore as a superuser, or have one set"
    " that right (ALTER ROLE … SET lc_messages = 'C')"
)
# Sentences that can quote nothing but names (and file names), as the server writes them in English.
_NAME = r"(?:\"[^\"\n]{1,200}\"|[\w.$\[\]]{1,200}(?:\([\w.$ ,\"\[\]]{0,300}\))?)"
_NAMED = (
    "relation|function|type|schema|language|role|extension|column|operator class|collation|table|server"
    "|foreign-data wrapper|text search (?:configuration|dictionary|template|parser)|access method|procedure|aggregate"
    "|publication|tablespace"
)
_SENTENCES = (
    rf"(?:{_NAMED}) {_NAME}(?: of relation {_NAME})? does not exist",
    r"operator does not exist: [\w.\"\[\] ]{1,200} [-+*/<>=~!@#%^&|`?]{1,20} [\w.\"\[\] ]{1,200}$",
    rf"(?:{_NAMED}) {_NAME}(?: for relation {_NAME})? already exists",
    rf"permission denied (?:for|to) [\w ]{{1,60}}(?:{_NAME})?",
    r"must be (?:owner|member|superuser|able)[\w ]{0,60}",
    rf"could not create (?:unique index|exclusion constraint) {_NAME}",
    rf"insert or update on table {_NAME} violates foreign key constraint {_NAME}",
    rf"(?:check|partition) constraint {_NAME}(?: of relation {_NAME})? is violated by some row",
    rf"new row for relation {_NAME} violates check constraint {_NAME}",
    rf"value for domain {_NAME} violates check constraint {_NAME}",
    rf"null value in column {_NAME} of relation {_NAME} violates not-null constraint",
    r"could not (?:access|open|load) [\w -]{0,60}\"[\w./$ -]{1,200}\"",
    rf"extension {_NAME} is not available",
    rf"there is no unique constraint matching given keys for referenced table {_NAME}",
    rf"security label provider {_NAME} is not loaded",
    r"division by zero|functions in index expression must be marked IMMUTABLE|generation expression is not immutable",
    r"deadlock detected|stack depth limit exceeded",
)
_SAY = re.compile(rf"ERROR:  (?P<say>{'|'.join(f'(?:{sentence})' for sentence in _SENTENCES)})")
_UNSAID = "the server refused it, in words that may quote what is stored (its log has them)"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of an archive's list.

    :param object: the catalogue and the oid of the object where it was dumped.
    :param kind: as pg_restore names it, such as "FK CONSTRAINT".
    :param rest: schema (or a dash), name and owner. Names are not quoted there.
    """

    number: str
    object: str
    kind: str
    rest: str

    @property
    def name(self) -> str:
        """Schema and name. Exact unless they hold spaces."""
        schema, _space, tail = self.rest.partition(" ")
        name = tail.rpartition(" ")[0] or tail
        return name if schema == "-" else f"{schema}.{name}"

    @property
    def shown_kind(self) -> str:
        """The kind as it is told."""
        shown = {"FK CONSTRAINT": "foreign key", "MATERIALIZED VIEW DATA": "rows of materialized view"}
        return shown.get(self.kind, self.kind.lower())


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why an entry could not be restored.

    :param number: of the entry; None: of none, but of the restore as a whole.
    :param why: quotes nothing but names.
    :param environment: whether the cause is the server or its host, and not the object.
    """

    number: str | None
    why: str
    environment: bool = False


def parse_list(text: str) -> list[Entry]:
    """Return the entries of what ``pg_restore --list`` printed."""
    found = (_ENTRY.match(line) for line in text.splitlines())
    return [Entry(entry["number"], entry["object"], entry["kind"], entry["rest"]) for entry in found if entry]


def parse_failures(outcome: Outcome, *, english: bool = True) -> list[Failure]:
    """Return what failed in a pg_restore (``--verbose``) that went on after errors.

    :param english: whether the server's errors are in English.
    :returns: none, where it succeeded; one of the restore as a whole, where it gave up.
    """
    if outcome.status == 0:
        return []
    failures: dict[str, Failure] = {}
    number: str | None = None
    kind = ""
    strange: str | None = None
    finished = harmless = False
    for line in outcome.stderr.splitlines():
        of_entry = _FROM_ENTRY.match(line)
        error = _ERROR.search(line)
        if of_entry:
            number, kind = of_entry[1], of_entry["kind"]
            # Parallel jobs may say in between which entry theirs is of: each that is named here has failed.
            failures.setdefault(number, Failure(number, _UNSAID))
        elif error and number is None:
            if _UNKNOWN_SETTING not in error["text"]:
                strange = error["text"]
            else:
                harmless = True
        elif error and number is not None and failures[number].why == _UNSAID:
            failures[number] = _failure(number, kind, error, english=english)
        elif _IGNORED.search(line):
            finished = True
    if finished and strange is None and (failures or harmless):
        return list(failures.values())
    return [Failure(None, outcome.describe(), environment=True)]


def _failure(number: str, kind: str, error: re.Match[str], *, english: bool) -> Failure:
    why = _describe_error(error)
    if ENVIRONMENT.search(error["text"]):
        return Failure(number, why, environment=True)
    if not english and kind in _BUILT and why == _UNSAID:
        return Failure(number, _UNTOLD, environment=True)
    return Failure(number, why)


def _describe_error(error: re.Match[str]) -> str:
    text = str(error["text"])
    said_by_server = error["server"] or "ERROR:" in text or "PQ" in text
    if not said_by_server or ENVIRONMENT.search(text):
        # Of the program, the server or the host: it quotes nothing of the database.
        return text.strip()
    found = _SAY.match(text)
    return found["say"] if found else _UNSAID


def shown_errors(stderr: str) -> str:
    """Return what pg_restore printed, without what it quotes of definitions and rows."""
    errors = (_ERROR.search(line) for line in stderr.splitlines())
    return "\n".join(dict.fromkeys(_describe_error(error) for error in errors if error))


def keep_path(head: bytes) -> bytes:
    """Return the beginning of an archive, changed so that restoring it does not empty search_path."""
    return head[:_HEAD_BYTES].replace(_EMPTY_PATH, _KEEP_PATH, 1) + head[_HEAD_BYTES:]
