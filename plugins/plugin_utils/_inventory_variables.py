# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable of an inventory or a run, and its values. docs/inventory-variables.md says what each is for."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_values import (
    BANDWIDTH,
    PATH,
    SENTENCE,
    TRUTH,
    Values,
    number,
    one_of,
    whole,
)

#: Of any host, most often of all alike.
ALL_HOSTS: t.Final[t.Mapping[str, Values]] = {
    "backup_organization": Values(),
    "backup_language": Values(),  # Of the check itself, which must know what to speak.
    "backup_escrow_recipient": Values(),
    "backup_cloud": Values(),
    "backup_cloud_access_key": Values(),
    "backup_cloud_secret_key": Values(),
    "backup_cloud_lock_days": whole(1),
    "backup_cloud_upload_bandwidth": Values(BANDWIDTH, may_be_empty=True),
    "backup_cloud_download_bandwidth": Values(BANDWIDTH, may_be_empty=True),
    "backup_cloud_trial_days": whole(0),
    "backup_cloud_without_lock": Values(SENTENCE, may_be_empty=True),
    "backup_cloud_retention_access_key": Values(),
    "backup_cloud_retention_secret_key": Values(),
    "backup_retention": Values(),
    "backup_holds": Values(),
    "backup_approvals": Values(),
    "backup_time_zone": Values(),
    "backup_full_warning_days": whole(0),
    "backup_compliance": one_of("warning", "failure", "none"),
    "backup_cloud_off_site": Values(TRUTH),
    "backup_rpo_hours": number(0),
    "backup_reread_days": whole(0),
    "backup_reread_budget_minutes": number(0),
    "backup_reread_budget_bytes": whole(1, may_be_empty=True),
    "backup_cloud_drill_days": whole(0),
    "backup_known_misdated": Values(),
    "backup_configuration_path": Values(PATH),
    "backup_runtime_path": Values(PATH),
    "backup_state_path": Values(PATH),
    "backup_drill_policy": one_of("every_set", "newest", "interval", "full_interval", "none"),
    "backup_drill_interval_days": whole(0),
    "backup_drill_budget_minutes": number(0),
    "backup_drill_concurrency": whole(1, may_be_empty=True),
    "backup_drill_processors": whole(1, may_be_empty=True),
    "backup_drill_cpu_seconds": whole(1, may_be_empty=True),
    "backup_drill_programs_directory": Values(PATH, may_be_empty=True),
    "backup_drill_host": Values(),
}
#: Of a server.
SERVER: t.Final[t.Mapping[str, Values]] = {
    "backup_databases": Values(),
    "backup_files": Values(),
    "backup_retired_sources": Values(),
    "backup_database_accounts": Values(),
    "backup_unprotected_ignore": Values(),
    "backup_unprotected_local": Values(TRUTH),
    "backup_source_retention": Values(),
    "backup_source_rpo_hours": Values(),
    "backup_disk_retention": Values(),
    "backup_disk_path": Values(PATH),
    "backup_disk_require_mount": Values(PATH, may_be_empty=True),
    "backup_disk_minimum_free_bytes": whole(0),
    "backup_compression_level": whole(1, 19),
    "backup_jobs": whole(1),
    "backup_concurrency": whole(1),
    "backup_nice": whole(0, 19),
    "backup_io_class": one_of("idle", "best-effort"),
    "backup_io_priority": whole(0, 7),
    "backup_encryption": one_of("age", "none"),
    "backup_pull_bandwidth": Values(BANDWIDTH, may_be_empty=True),
    "backup_reach": one_of("ssh", "directory"),
    "backup_ssh_user": Values(),
    "backup_ssh_host": Values(),
    "backup_ssh_port": whole(1, 65535),
    "backup_restore_path": Values(PATH),
    "backup_restore_keep_replaced_days": whole(0),
    "backup_restore_max_seconds": number(0),
    "backup_drill_queries": Values(),
}
#: Of the systems computer; those of drills also of a host that drills in its place (backup_drill_host).
SYSTEMS_COMPUTER: t.Final[t.Mapping[str, Values]] = {
    "backup_storage_path": Values(PATH),
    "backup_drill_path": Values(PATH),
    "backup_drill_user": Values(),
}
#: Of one run (``-e``).
RUN: t.Final[t.Mapping[str, Values]] = {
    "backup_cloud_administrator_access_key": Values(),
    "backup_cloud_administrator_secret_key": Values(),
    "backup_drill_from": one_of("vault", "cloud", "disk"),
    "backup_drill_source": Values(),
    "backup_drill_at": Values(),
    "backup_repair_vault": Values(TRUTH),
    "backup_run_id": Values(),
    "backup_accept": Values(),
    "backup_ticket": Values(),
    "backup_restore_server": Values(),
    "backup_restore_source": Values(),
    "backup_restore_target": Values(),
    "backup_restore_from": Values(),
    "backup_restore_at": Values(),
    "backup_restore_set": Values(),
    "backup_restore_replace": Values(TRUTH),
    "backup_restore_strict": Values(TRUTH),
    "backup_restore_only": Values(),
    "backup_restore_tables": Values(),
    "backup_restore_schemas": Values(),
    "backup_restore_despite_failed_drill": Values(TRUTH),
    "backup_restore_despite_suspicion": Values(TRUTH),
    "backup_identity_file": Values(),
    "backup_despite_unknown_signers": Values(TRUTH),
}
VARIABLES: t.Final[t.Mapping[str, Values]] = {**ALL_HOSTS, **SERVER, **SYSTEMS_COMPUTER, **RUN}
