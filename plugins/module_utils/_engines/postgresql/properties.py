# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is set for a database (ALTER DATABASE … SET, ALTER ROLE … IN DATABASE … SET), and its comment.

Applications keep keys and passwords there, so it stands in a part of the payload of its own and nowhere else. Each line
of SQL, for a restore by hand, follows a comment that says the same in JSON, for ours: no SQL of a set is ever run.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ..facts import check_shape, malformed
from .roles import LIST_SETTINGS, LOADING_SETTINGS, SETTING_NAME
from .session import Session, quote_identifier, quote_literal

PROPERTIES = "properties"
# The server's own default of search_path.
USUAL_PATH = '"$user", public'
# Whoever owns a database chooses its path: while it is in force, nothing is computed whose schema is not named, or his
# functions and operators of the same names would run with the rights of whoever asks.
_NOTE_SCHEMAS = (
    "SELECT pg_catalog.set_config('backup.schemas',"
    " pg_catalog.to_json(pg_catalog.current_schemas(false))::pg_catalog.text, false)"
)
# What is named after the user, is named after whoever asks.
_NOTED_SCHEMAS = """
SELECT ARRAY(
    SELECT s FROM json_array_elements_text(current_setting('backup.schemas')::json) WITH ORDINALITY u(s, position)
    WHERE s !~ '^pg_' AND s <> session_user::text AND s <> 'information_schema' ORDER BY position
) AS value
"""
_PREFIX = "-- "
_SETTING = {"role": (str, type(None)), "name": str, "value": str}


@dataclasses.dataclass(frozen=True)
class Properties:
    """What may hold a secret of a database itself.

    :param settings: each with role (None: of all), name and value.
    """

    comment: str | None
    settings: list[dict[str, t.Any]]

    def to_sql(self, database: str) -> bytes:
        """Return the text of the part: one statement a line, of which none holds a backslash."""
        lines = []
        if self.comment is not None:
            lines += [_PREFIX + json.dumps({"comment": self.comment}), f"{_comment_statement(self.comment, database)};"]
        for setting in self.settings:
            lines += [_PREFIX + json.dumps(setting), f"{_setting_statement(setting, database)};"]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")

    @classmethod
    def parse(cls, text: bytes, *, on: str) -> Properties:
        """Read the part.

        :raises SetInvalid: when it is not what :meth:`to_sql` writes.
        """
        comment: str | None = None
        settings: list[dict[str, t.Any]] = []
        for line in text.decode("utf-8", "surrogateescape").split("\n"):
            if not line.startswith(_PREFIX):
                continue
            try:
                entry = json.loads(line[len(_PREFIX) :])
            except ValueError as error:
                raise malformed("a line of its database's settings", on=on) from error
            if isinstance(entry, dict) and "comment" in entry:
                check_shape(entry, {"comment": str}, on=on)
                comment = entry["comment"]
            else:
                check_shape(entry, _SETTING, on=on)
                settings.append(entry)
        return cls(comment, settings)


def _one_line(value: str) -> str:
    """Return a text as an SQL literal without a backslash or a line break."""
    if not any(character in value for character in "\\\n\r"):
        return quote_literal(value)
    escaped = "".join(
        f"!{ord(character):04X}" if character in "\\\n\r" else {"!": "!!", "'": "''"}.get(character, character)
        for character in value
    )
    return f"U&'{escaped}' UESCAPE '!'"


def _comment_statement(comment: str, database: str) -> str:
    return f"COMMENT ON DATABASE {quote_identifier(database)} IS {_one_line(comment)}"


def _setting_statement(setting: t.Mapping[str, t.Any], database: str) -> str:
    parameter = ".".join(quote_identifier(part) for part in setting["name"].split("."))
    subject = f"DATABASE {quote_identifier(database)}"
    if setting["role"] is not None:
        subject = f"ROLE {quote_identifier(setting['role'])} IN {subject}"
    value = _one_line(setting["value"])
    if setting["name"].lower() not in LIST_SETTINGS:
        return f"ALTER {subject} SET {parameter} TO {value}"
    # A list is stored with its elements quoted: given as one literal it would become one element.
    name = quote_literal(setting["name"])
    # By hand they follow one another in one session: the path of one is in force for the next.
    setting_it = f"SELECT pg_catalog.set_config({name}, {value}, false) IS NULL"
    return f"{setting_it}; ALTER {subject} SET {parameter} FROM CURRENT"


def property_statements(properties: Properties, database: str, warnings: list[str]) -> t.Iterator[tuple[str, str, str]]:
    """Kind, name and statement of each property of a database.

    :param warnings: gets a line for each setting that is not restored, because it makes the server load code.
    """
    if properties.comment is not None:
        yield "comment", database, _comment_statement(properties.comment, database)
    for setting in properties.settings:
        if setting["name"].lower() in LOADING_SETTINGS or not SETTING_NAME.fullmatch(setting["name"]):
            warnings.append(f"The setting {setting['name']} of the database makes the server load code: not restored")
            continue
        yield "setting", setting["name"], _setting_statement(setting, database)


def search_path_of(settings: t.Sequence[t.Mapping[str, t.Any]]) -> str | None:
    """Return what a set's settings of its database say of search_path."""
    found = (
        str(setting["value"])
        for setting in settings
        if setting["role"] is None and str(setting["name"]).lower() == "search_path"
    )
    return next(found, None)


def schemas_of_path(session: Session, path: str) -> list[str]:
    """Return the schemas that are there of a search_path, without the server's own and the one named after the user.

    As a path they have the server's own before them, whatever the setting said: nobody's object hides one of these.

    :param session: in the database. Its own path is empty before and after.
    :param path: as the setting's value; it is not trusted.
    """
    session.execute(f"SELECT pg_catalog.set_config('search_path', {quote_literal(path)}, false)")
    session.execute(_NOTE_SCHEMAS)
    session.execute("SET search_path = ''")
    return list(session.value(_NOTED_SCHEMAS))


def path_text(schemas: t.Iterable[str]) -> str:
    """Return schemas as a value of search_path."""
    return ", ".join(quote_identifier(schema) for schema in schemas)
