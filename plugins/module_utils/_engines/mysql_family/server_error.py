# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of MariaDB or MySQL says of an error: only here it is read, and what follows depends on its number."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed

# The client ends with its first error. It prints the number of the server's error, or of its own, and the SQLSTATE.
_ERROR = re.compile(r"^\s*ERROR (\d+)(?: \((\w+)\))?(?: at line (\d+))?: (.*)", re.MULTILINE)

# What MariaDB's client writes before an error: the statement between two rules, of which the first may be cut off. What
# the server quotes may have a rule in it, too.
_RULE = re.compile(r"^-{14}$", re.MULTILINE)
_STATEMENT = re.compile(r".*^-{14}\n\n?(?=ERROR )", re.MULTILINE | re.DOTALL)
_SYNTAX_ERROR = re.compile(r"^(ERROR 1064\b[^:]*:).*")

#: Another session held a lock for too long.
LOCK_WAIT_TIMEOUT: t.Final = 1205
#: The server is being shut down, or has ended.
SERVER_LOST: t.Final = frozenset({1053, 2006, 2013, 2055})
#: A view (a table), a routine, a trigger, an event of this name is there.
IS_THERE: t.Final = frozenset({1050, 1304, 1359, 1537})


class ServerError(t.NamedTuple):
    """An error as the client printed it.

    :param number: of the server's or the client's own (MySQL, "Error Message Reference"; MariaDB, "Error Codes").
    :param state: the SQLSTATE; empty where none was printed.
    :param words: what it says, in the server's language. It may quote a statement.
    :param line: of the client's input, from 1; None: it was told of none.
    """

    number: int
    state: str
    words: str
    line: int | None = None


class _Ended(t.NamedTuple):
    """How a client ended."""

    status: int
    stderr: str


def client_failed(
    action: str, *, on: str, status: int | None, stderr: str, next_step: t.Callable[[str], str]
) -> ProcessFailed:
    """Return why a client has ended, in the server's words.

    :param status: the client's exit status.
    :param stderr: what it wrote there.
    :param next_step: returns what to do next, given these words.
    """
    why = error_lines(stderr) or f"the client ended with exit status {status}"
    return ProcessFailed(action, on=on, why=why, next_step=next_step(why), outcomes=[_Ended(status or 0, stderr)])


def error_lines(text: str) -> str:
    """Return what a client says of errors, in one line, without any of the statement, which may hold a secret."""
    found = []
    for line in map(str.strip, _after_statement(text).splitlines()):
        if line.startswith("ERROR"):
            # The client ends with its first error; what follows is the rest of what the server quotes.
            found.append(_without_quote(line))
            break
        if line.startswith(("mariadb:", "mysql: [ERROR]", "/")):
            found.append(line)
    return "; ".join(found)


def server_error(error: BaseException | None) -> ServerError | None:
    """Return the error that a client printed before it failed; None where it printed none, or no client failed."""
    for outcome in error.outcomes if isinstance(error, ProcessFailed) else ():
        match = _ERROR.search(_after_statement(outcome.stderr))
        if match is not None:
            return ServerError(
                int(match[1]), match[2] or "", match[4].strip(), None if match[3] is None else int(match[3])
            )
    return None


def _after_statement(text: str) -> str:
    """Return what a client wrote after the statement that failed, which MariaDB's writes between two rules.

    Of a long text only the end is there, so that the first rule may be missing.
    """
    match = _STATEMENT.match(text)
    return text[match.end() :] if match is not None else _RULE.split(text)[-1]


def _without_quote(line: str) -> str:
    """Return a syntax error without the server's words: they quote up to 80 characters of the statement."""
    return _SYNTAX_ERROR.sub(r"\1 the server does not understand a statement", line)


def error_number(error: BackupError) -> int | None:
    """Return the number of what went wrong; None: it was not the server that failed, nor the client."""
    found = server_error(error)
    return None if found is None else found.number
