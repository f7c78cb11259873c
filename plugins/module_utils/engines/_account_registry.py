# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each engine's server keeps the account that backs up."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils.engines._account import Account
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._account import MariadbAccount
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._account import MysqlAccount
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._account import PostgresqlAccount

ACCOUNTS: dict[str, type[Account]] = {
    "mariadb": MariadbAccount,
    "mysql": MysqlAccount,
    "postgresql": PostgresqlAccount,
}
