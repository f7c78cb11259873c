# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a set of MariaDB's or MySQL's, and what it says of what it does not hold."""

from __future__ import annotations

STRUCTURE, PROGRAMS, ACCOUNTS, ROWS = "structure", "programs", "accounts", "rows"
# Tables whose rows are elsewhere: made after the others' rows, because some name those tables.
ELSEWHERE = "elsewhere"
# What a set lacks of a table: rows of its history, defaults and foreign keys that no server takes.
HISTORY, DEFAULT, FOREIGN_KEY = "rows of", "default", "foreign key"
NOT_HELD = (HISTORY, DEFAULT, FOREIGN_KEY)
