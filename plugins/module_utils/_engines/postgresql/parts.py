# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a PostgreSQL set. The database's own properties have a module of their own."""

from __future__ import annotations

SCHEMA, GLOBALS, SETTINGS = "schema", "globals", "settings"
#: Of the archives with rows: the parts are this, a dash and a number.
DATA = "data"
# Why a subscription is left out.
SUBSCRIPTION = "two databases would receive the same changes; recreate it where it is needed (CREATE SUBSCRIPTION)"
