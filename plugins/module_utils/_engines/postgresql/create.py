# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that make a database like the one a set describes. All of it is quoted, because it may be hostile."""

from __future__ import annotations

import hashlib
import typing as t

from .session import quote_identifier, quote_literal

# NAMEDATALEN - 1: what is longer, the server would cut off, silently.
NAME_BYTES = 63
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_PRIVILEGES = frozenset({"CREATE", "CONNECT", "TEMPORARY"})


def derived_name(name: str, suffix: str) -> str:
    """Return the name of a database beside another, cut (and told apart by a digest) where it would be too long."""
    data = name.encode("utf-8")
    room = NAME_BYTES - len(suffix.encode("utf-8"))
    if len(data) > room:
        digest = hashlib.sha256(data).hexdigest()[:8]
        name = data[: room - len(digest) - 1].decode("utf-8", "ignore") + "~" + digest
    return name + suffix


def creation_statement(facts: t.Mapping[str, t.Any], name: str, *, major: int | None, tablespace: bool = True) -> str:
    """CREATE DATABASE with the owner, encoding and locale of the set.

    :param facts: what the set says of its database.
    :param major: of the server; None: of the one that was dumped.
    :param tablespace: whether to name the tablespace.
    """
    options = [
        f"OWNER {quote_identifier(facts['owner'])}",
        "TEMPLATE template0",
        f"ENCODING {quote_literal(facts['encoding'])}",
        f"LC_COLLATE {quote_literal(facts['collate'])}",
        f"LC_CTYPE {quote_literal(facts['ctype'])}",
    ]
    provider = _PROVIDERS.get(facts["locale_provider"], "libc")
    if provider != "libc":
        options.append(f"LOCALE_PROVIDER {provider}")
        option = "ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE"
        options.append(f"{option} {quote_literal(facts['locale'])}")
        if facts["icu_rules"]:
            options.append(f"ICU_RULES {quote_literal(facts['icu_rules'])}")
    elif major is not None and major >= 15:
        options.append("LOCALE_PROVIDER libc")
    if tablespace and facts["tablespace"] != "pg_default":
        options.append(f"TABLESPACE {quote_identifier(facts['tablespace'])}")
    return f"CREATE DATABASE {quote_identifier(name)} " + " ".join(options)


def access_statements(facts: t.Mapping[str, t.Any], name: str) -> list[str]:
    """Return statements that give a database the privileges of the set's."""
    database = quote_identifier(name)
    found = []
    if facts["has_access_list"]:
        found.append(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC, {quote_identifier(facts['owner'])}")
        for entry in facts["access"]:
            if entry["privilege"] not in _PRIVILEGES:
                continue
            grantee = "PUBLIC" if entry["grantee"] is None else quote_identifier(entry["grantee"])
            option = " WITH GRANT OPTION" if entry["grantable"] else ""
            found.append(f"GRANT {entry['privilege']} ON DATABASE {database} TO {grantee}{option}")
    return found


def limit_statements(facts: t.Mapping[str, t.Any], name: str) -> list[str]:
    """Return statements that set what would get in the way of a restore that is still running."""
    found = []
    if facts["connection_limit"] != -1:
        found.append(f"ALTER DATABASE {quote_identifier(name)} CONNECTION LIMIT {int(facts['connection_limit'])}")
    if facts["is_template"]:
        found.append(f"ALTER DATABASE {quote_identifier(name)} IS_TEMPLATE true")
    return found
