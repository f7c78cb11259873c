# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's configuration, kept in the set for rebuilding a server by hand. None of it is restored automatically.

It may hold passwords (``primary_conninfo``, ``ldapbindpasswd``): it goes into the payload, which is encrypted, and
nowhere else.
"""

from __future__ import annotations

import base64
import json
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from .client import Connection
from .session import Session, quote_literal

# A larger file is not a file of settings.
_FILE_BYTES = 1024 * 1024
_READ_FILE = "pg_catalog.pg_read_binary_file(text,bigint,bigint,boolean)"
# What our own connection has set for itself hides behind reset_val.
_SETTINGS = """
SELECT name, reset_val AS value, unit, context, sourcefile, sourceline, pending_restart FROM pg_settings
WHERE reset_val IS DISTINCT FROM boot_val OR sourcefile IS NOT NULL ORDER BY name
"""
_TABLESPACES = """
SELECT spcname AS name, pg_get_userbyid(spcowner) AS owner, pg_tablespace_location(oid) AS location,
    spcoptions AS options
FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY name
"""
# What the server makes of its files: the name in our text, the view, the function behind it, since which major.
_VIEWS = (
    ("file_settings", "pg_file_settings", "pg_show_all_file_settings()", 14),
    ("access_rules", "pg_hba_file_rules", "pg_hba_file_rules()", 14),
    ("identity_mappings", "pg_ident_file_mappings", "pg_ident_file_mappings()", 15),
)
_FILES = """
SELECT setting AS path FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file') AND setting <> ''
UNION SELECT sourcefile FROM pg_file_settings WHERE sourcefile IS NOT NULL
"""
# Since 16 those two may include others.
_INCLUDED = """
UNION SELECT file_name FROM pg_hba_file_rules WHERE file_name IS NOT NULL
UNION SELECT file_name FROM pg_ident_file_mappings WHERE file_name IS NOT NULL
"""


def read(processes: Processes, connection: Connection) -> tuple[bytes, str | None]:
    """Return what the user may see of how the server is set up.

    An account that only backs up may not see all of it, which is as it should be: what is hidden stands in the text.

    :returns: an object in JSON, and what could not be read though the user may, for a warning.
    :raises ProcessFailed: when the server does not answer.
    """
    hidden: list[str] = []
    failure = None
    found: dict[str, t.Any] = {}
    with Session(processes, connection) as session:
        for row in session.rows("SELECT version() AS server, current_setting('server_version') AS version"):
            found.update(row)
        found["settings"] = session.rows(_SETTINGS, action="read the server's settings")
        found["tablespaces"] = session.rows(_TABLESPACES, action="list the tablespaces")
        if not session.value("SELECT pg_has_role('pg_read_all_settings', 'USAGE') AS value"):
            hidden.append("some of pg_settings")
        for name, view, function, since in _VIEWS:
            if session.major < since:
                continue
            allowed = f"SELECT has_table_privilege('pg_catalog.{view}', 'SELECT')"
            allowed += f" AND has_function_privilege('pg_catalog.{function}', 'EXECUTE') AS value"
            found[name] = None
            if session.value(allowed):
                found[name] = session.rows(f"SELECT * FROM {view}", action=f"read {view}")
            else:
                hidden.append(view)
        allowed = f"SELECT has_function_privilege('{_READ_FILE}', 'EXECUTE')"
        allowed += " AND pg_has_role('pg_read_server_files', 'USAGE') AS value"
        found["files"] = None
        if None in (found[name] for name, _view, _function, since in _VIEWS if session.major >= since):
            # Without them it is not known which files there are.
            hidden.append("the files themselves")
        elif not session.value(allowed):
            hidden.append("the files themselves")
        else:
            try:
                found["files"] = _files(session)
            except ProcessFailed as error:
                if processes.cancelled:
                    raise
                failure = f"the files themselves ({error.why})"
    found["hidden"] = hidden
    text = json.dumps(found, ensure_ascii=False, indent=1).encode("utf-8", "surrogateescape")
    return text, failure


def _files(session: Session) -> dict[str, list[str]]:
    """Path on the server to lines."""
    files = {}
    for row in session.rows(_FILES + (_INCLUDED if session.major >= 16 else "") + "ORDER BY path"):
        path = row["path"]
        query = f"SELECT encode(pg_read_binary_file({quote_literal(path)}, 0, {_FILE_BYTES}, true), 'base64') AS value"
        content = session.value(query)
        if content is not None:
            files[path] = base64.b64decode(content).decode("utf-8", "replace").splitlines()
    return files
