# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles out of what ``pg_dumpall --globals-only`` wrote, without running any of it.

The text is read as tokens; what is understood and harmless is written anew as statements of our own. A role gets its
login, password hash, memberships and settings back, but no power beyond its databases: a set that somebody tampered
with must not make superusers. What was withheld is reported, as the statement that grants it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .session import quote_identifier, quote_literal

# Settings that make the server load a library.
LOADING_SETTINGS = frozenset(
    {"dynamic_library_path", "extension_control_path", "jit_provider", "local_preload_libraries"}
    | {"session_preload_libraries", "shared_preload_libraries", "oauth_validator_libraries", "archive_library"}
)
# Settings whose value is a list of names, stored with each name quoted where it needs it (guc.h, GUC_LIST_QUOTE).
LIST_SETTINGS = frozenset({"search_path", "temp_tablespaces", "unix_socket_directories"})
SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)*")
_EXCESSIVE_ATTRIBUTES = frozenset({"SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"})
_HARMLESS = frozenset({"INHERIT", "NOINHERIT", "LOGIN", "NOLOGIN"})

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<meta>\\[^\n]*)
  | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*')
  | (?P<string>'(?:[^']|'')*')
  | (?P<identifier>"(?:[^"]|"")+")
  | (?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
  | (?P<word>[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff.]*)
  | (?P<number>-?\d+(?:\.\d+)?)
  | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Token:
    """One token of SQL.

    :param kind: ``word`` (a keyword or an undelimited identifier), ``identifier``, ``string``, ``number``, ``symbol``.
    :param text: the value, undelimited.
    """

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "word" and self.text.upper() in words


def statements(text: str) -> list[list[Token]]:
    """Return the statements of an SQL text as tokens. Lines that are for psql are left out."""
    found: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        value = match.group()
        if kind == "tag" or match.group("dollar") is not None:
            kind, value = "string", value[len(match.group("tag") or "") + 2 : -len(match.group("tag") or "") - 2]
        elif kind in ("space", "meta"):
            continue
        elif kind == "escape":
            # pg_dumpall writes E'' only for doubled backslashes; anything else is taken as it stands.
            kind, value = "string", value[2:-1].replace("''", "'").replace("\\\\", "\\")
        elif kind == "string":
            value = value[1:-1].replace("''", "'")
        elif kind == "identifier":
            value = value[1:-1].replace('""', '"')
        if kind == "symbol" and value == ";":
            found.append([])
        else:
            found[-1].append(Token(kind, value))
    return [statement for statement in found if statement]


@dataclasses.dataclass
class Roles:
    """The roles of a set.

    :param names: every role it can make.
    """

    names: set[str]
    _statements: list[list[Token]]

    @classmethod
    def parse(cls, text: str) -> Roles:
        """Read what pg_dumpall wrote."""
        parsed = statements(text)
        names = {
            statement[2].text
            for statement in parsed
            if len(statement) == 3 and statement[0].is_word("CREATE") and statement[1].is_word("ROLE")
        }
        return cls(names, parsed)

    def creation(self, wanted: t.Collection[str]) -> tuple[list[str], list[str]]:
        """Return what makes these roles.

        :param wanted: roles that the server has not got.
        :returns: the statements to run, and, as statements too, the powers that are withheld.
        """
        making: list[str] = []
        granting: list[str] = []
        withheld: list[str] = []
        names = self.names & set(wanted)
        for name in sorted(names):
            making.append(f"CREATE ROLE {quote_identifier(name)}")
        for statement in self._statements:
            role = statement[2].text if len(statement) > 2 else ""
            verb = statement[0]
            if verb.is_word("ALTER") and statement[1].is_word("ROLE") and role in names and len(statement) > 3:
                if statement[3].is_word("WITH"):
                    _attributes(role, statement[4:], making, withheld)
                elif statement[3].is_word("SET"):
                    _setting(role, statement[4:], making, withheld)
            elif verb.is_word("COMMENT") and [token.text.upper() for token in statement[1:3]] == ["ON", "ROLE"]:
                if len(statement) == 6 and statement[3].text in names and statement[5].kind == "string":
                    comment = quote_literal(statement[5].text)
                    making.append(f"COMMENT ON ROLE {quote_identifier(statement[3].text)} IS {comment}")
            elif verb.is_word("GRANT"):
                _membership(statement, names, granting, withheld)
        return making + granting, withheld


def _attributes(role: str, tokens: t.Sequence[Token], making: list[str], withheld: list[str]) -> None:
    attributes: list[str] = []
    powers: list[str] = []
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        word = token.text.upper()
        if token.is_word(*_HARMLESS):
            attributes.append(word)
        elif token.is_word(*_EXCESSIVE_ATTRIBUTES):
            powers.append(word)
        elif token.is_word("CONNECTION") and len(rest) > 1 and rest[1].kind == "number":
            attributes.append(f"CONNECTION LIMIT {int(rest[1].text)}")
            del rest[:2]
        elif token.is_word("PASSWORD") and rest and rest[0].kind == "string":
            attributes.append(f"PASSWORD {quote_literal(rest.pop(0).text)}")
        elif token.is_word("VALID") and len(rest) > 1 and rest[1].kind == "string":
            attributes.append(f"VALID UNTIL {quote_literal(rest[1].text)}")
            del rest[:2]
    if attributes:
        making.append(f"ALTER ROLE {quote_identifier(role)} WITH {' '.join(attributes)}")
    if powers:
        withheld.append(f"ALTER ROLE {quote_identifier(role)} WITH {' '.join(powers)}")


def _setting(role: str, tokens: t.Sequence[Token], making: list[str], withheld: list[str]) -> None:
    if len(tokens) < 3 or not (tokens[1].is_word("TO") or tokens[1].text == "="):
        return
    name = tokens[0].text.lower()
    values = [token for token in tokens[2:] if token.kind != "symbol"]
    if not SETTING_NAME.fullmatch(name) or not values:
        return
    shown = ", ".join(quote_literal(token.text) for token in values)
    quoted = ".".join(quote_identifier(part) for part in name.split("."))
    statement = f"ALTER ROLE {quote_identifier(role)} SET {quoted} TO {shown}"
    (withheld if name in LOADING_SETTINGS else making).append(statement)


def _membership(
    statement: t.Sequence[Token], names: t.Collection[str], granting: list[str], withheld: list[str]
) -> None:
    if len(statement) < 4 or not statement[2].is_word("TO"):
        return
    group, member = statement[1].text, statement[3].text
    if member not in names:
        return
    words = [token.text.upper() for token in statement[4:] if token.kind == "word"]
    if "GRANTED" in words:
        del words[words.index("GRANTED") :]
    options = []
    if "ADMIN" in words and words[words.index("ADMIN") + 1 : words.index("ADMIN") + 2] != ["FALSE"]:
        options.append("ADMIN OPTION")
    # Only since PostgreSQL 16, and only written where they differ from what is usual.
    for word in ("INHERIT", "SET"):
        if word in words and words[words.index(word) + 1 : words.index(word) + 2] == ["FALSE"]:
            options.append(f"{word} FALSE")
    sql = f"GRANT {quote_identifier(group)} TO {quote_identifier(member)}"
    sql += f" WITH {', '.join(options)}" if options else ""
    # A role that the server had before may be powerful there: no new role becomes its member by itself.
    (granting if group in names else withheld).append(sql)
