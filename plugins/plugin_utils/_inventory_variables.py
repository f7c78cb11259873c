# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable that an inventory or a run can set. docs/inventory-variables.md says what each of them is for."""

from __future__ import annotations

import typing as t

#: Of any host, most often of all alike.
ALL_HOSTS: t.Final = frozenset(
    {
        "backup_organization",
        "backup_language",
        "backup_escrow_recipient",
        "backup_cloud",
        "backup_cloud_access_key",
        "backup_cloud_secret_key",
        "backup_retention",
        "backup_known_misdated",
        "backup_configuration_path",
        "backup_runtime_path",
        "backup_state_path",
        "backup_drill_policy",
        "backup_drill_interval_days",
        "backup_drill_budget_minutes",
        "backup_drill_concurrency",
        "backup_drill_processors",
        "backup_drill_cpu_seconds",
        "backup_drill_programs_directory",
        "backup_drill_host",
    }
)
#: Of a server.
SERVER: t.Final = frozenset(
    {
        "backup_databases",
        "backup_files",
        "backup_retired_sources",
        "backup_database_accounts",
        "backup_unprotected_ignore",
        "backup_unprotected_local",
        "backup_disk_path",
        "backup_disk_require_mount",
        "backup_disk_minimum_free_bytes",
        "backup_compression_level",
        "backup_jobs",
        "backup_concurrency",
        "backup_nice",
        "backup_io_class",
        "backup_io_priority",
        "backup_encryption",
        "backup_reach",
        "backup_ssh_user",
        "backup_ssh_host",
        "backup_ssh_port",
        "backup_restore_path",
        "backup_restore_keep_replaced_days",
        "backup_restore_max_seconds",
        "backup_drill_queries",
    }
)
#: Of the systems computer; those of drills also of a host that drills in its place (backup_drill_host).
SYSTEMS_COMPUTER: t.Final = frozenset(
    {
        "backup_storage_path",
        "backup_drill_path",
        "backup_drill_user",
    }
)
#: Of one run (``-e``).
RUN: t.Final = frozenset(
    {
        "backup_drill_from",
        "backup_drill_source",
        "backup_drill_at",
        "backup_run_id",
        "backup_accept",
        "backup_ticket",
        "backup_restore_server",
        "backup_restore_source",
        "backup_restore_target",
        "backup_restore_from",
        "backup_restore_at",
        "backup_restore_set",
        "backup_restore_replace",
        "backup_restore_strict",
        "backup_restore_only",
        "backup_restore_tables",
        "backup_restore_schemas",
        "backup_restore_despite_failed_drill",
        "backup_restore_despite_suspicion",
        "backup_identity_file",
        "backup_despite_unknown_signers",
    }
)
VARIABLES: t.Final = ALL_HOSTS | SERVER | SYSTEMS_COMPUTER | RUN
