#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the sets that their retention policy no longer keeps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_prune
short_description: Remove the sets that their retention policy no longer keeps
version_added: 0.1.0
description:
  - Decides about every set on a directory medium by the policy of its source, and removes those that no rule keeps.
  - Only good sets count. A good set was verified here and is on every medium of O(verified_elsewhere); it is not
    suspect; and its last drill did not fail. Any other set never makes a good one expire.
  - It never removes the newest good set of a source, the newest set of a source, what is held (O(holds)), what is being
    read, a set that cannot be read, and an otherwise good set that one of O(verified_elsewhere) lacks.
  - It removes nothing of a source while a clock looks wrong, that is, while one of its sets is dated in the future, or
    a record of it is dated in the future.
  - A removed set first stops being listed, and then its files go. Its id, the SHA-256 of its tag manifest, the time and
    the rule are recorded first, in C(.removed/<host>/<source>.jsonl) below the medium's root, so that
    M(infitulua.backup.set_copy) does not copy it there again (O(infitulua.backup.set_copy#module:except_those_in)).
  - With O(object_store), copies there of the sets of O(medium) follow it. They are locked (Object Lock) as long as the
    policy is sure to keep their sets, and removed when retention has removed their sets from O(medium) and their lock
    is over. Only copies that M(infitulua.backup.set_audit) has read there are touched.
  - With O(approvals), nothing is removed ahead of policy until several people have approved it. The medium keeps the
    rules that were agreed for each source, and who may approve, in C(.approvals) below its root. Rules that keep more
    are agreed at once. A set that today's rules remove and the agreed rules keep (a hold was ended or shortened, a
    policy shortened) is kept until enough people have signed the request for it, a file that names the change, the
    sets and the SHA-256 of their tag manifests. C(docs/retention.md) says how.
  - A source that fails does not stop the others.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.medium.object_store
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: One line for each set, and for each copy in O(object_store), with the rule that keeps or removes it; and
      the text of each new request for approval.
  idempotent:
    support: full
options:
  host:
    description: Only sets of this host.
    type: str
  source:
    description: Only sets of this source.
    type: str
  policies:
    description:
      - The policy of each records series, by its code (TRD). V(default) is the policy of every other series.
      - A set of a series without a policy is kept.
      - A policy keeps V(last), that many of the newest good sets; and V(hourly), V(daily), V(weekly), V(monthly) and
        V(yearly), the first good set of each of so many hours, days, weeks (from Monday), months or years, counting
        only those that have a good set.
      - The first set of a period is the one that was verified here first, so a server that later makes sets with
        earlier dates cannot displace it.
      - V(minimum_days) keeps every set until it is so many days old. V(destroy_after_days) removes a set that is older,
        even if another rule would keep it, because the law requires it.
      - A set's age is counted until the newest good set of its source was made. A source that is no longer backed up
        does not age, so a clock that runs ahead does not make its sets expire.
    type: dict
    default: {}
  source_policies:
    description: Policies of single sources, whatever their series; of several that match, the first counts.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The source's host; C(*), C(?) and C([abc]) match as in file names.
        type: str
        default: "*"
      source:
        description: The source's name; C(*), C(?) and C([abc]) match as in file names.
        type: str
        required: true
      last:
        description: How many of the newest good sets to keep.
        type: int
        default: 0
      hourly:
        description: For how many hours to keep the first good set.
        type: int
        default: 0
      daily:
        description: For how many days to keep the first good set.
        type: int
        default: 0
      weekly:
        description: For how many weeks to keep the first good set.
        type: int
        default: 0
      monthly:
        description: For how many months to keep the first good set.
        type: int
        default: 0
      yearly:
        description: For how many years to keep the first good set.
        type: int
        default: 0
      minimum_days:
        description: Until what age to keep every set.
        type: int
        default: 0
      destroy_after_days:
        description: From what age to keep no set.
        type: int
  holds:
    description: What keeps sets whatever their policy says. Everything that a hold names must match.
    type: list
    elements: dict
    default: []
    suboptions:
      set:
        description: The id of one set.
        type: str
      host:
        description: The host; C(*), C(?) and C([abc]) match as in file names.
        type: str
      source:
        description: The source; C(*), C(?) and C([abc]) match as in file names.
        type: str
      from:
        description: Only sets made on this day (V(2026-11-22)) or later.
        type: str
      to:
        description: Only sets made on this day or earlier.
        type: str
      until:
        description: The last day of the hold. When not given, it has no end.
        type: str
      reason:
        description: Why, for whoever wants to end it.
        type: str
        required: true
  time_zone:
    description: The time zone whose hours, days, weeks, months and years count, as in C(/usr/share/zoneinfo).
    type: str
    default: America/Bogota
  verified_elsewhere:
    description:
      - Other media, each with the sets that are known to be there and verified. Only a set that all of them hold, with
        exactly the same content, counts as good.
    type: list
    elements: dict
    default: []
    suboptions:
      medium:
        description: Its name in messages.
        type: str
        required: true
      sets:
        description:
          - The sets, as M(infitulua.backup.set_info) or M(infitulua.backup.set_audit) returns them, each with C(id) and
            C(tag_manifest_sha256). A set without C(tag_manifest_sha256) is ignored, because it is not verified.
          - With C(drill), a set whose last drill failed does not count as good here either.
        type: list
        elements: dict
        required: true
  verified_here:
    description: Whether a set must have been verified on O(medium) itself, too. V(false) has no effect while
      O(verified_elsewhere) is empty.
    type: bool
    default: true
  keep_doubtful_days:
    description: From what age a set may be removed that is suspect or whose last drill failed.
    type: int
    default: 90
  known_misdated:
    description: The ids of sets dated in the future that you know about. They do not stop removal.
    type: list
    elements: str
    default: []
  approvals:
    description:
      - Who may approve that sets are removed ahead of policy, and how many of them it takes. What is given first is
        agreed, as are the rules of that run.
      - From then on, a medium that has agreed approvers demands approvals also when this is not given. Adding a person
        or requiring fewer signatures itself needs the approval of those who were agreed; removing a person,
        V(valid_before) and requiring more do not, as long as enough people remain.
    type: dict
    suboptions:
      required:
        description: How many different people must sign each request.
        type: int
        required: true
      approvers:
        description: The people.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: The person's name, of ASCII letters, digits and C(. _ @ + -).
            type: str
            required: true
          public_key:
            description: The line of the person's C(.pub) file; an OpenSSH key of type C(ed25519), C(ecdsa) (both also
              with a security key), or C(rsa) of at least 3072 bits.
            type: str
            required: true
          valid_before:
            description: The day (V(2026-11-22)) from which on the key approves nothing any more.
            type: str
  drill_record_directory:
    description: The record of drills (O(infitulua.backup.restore_drill#module:record_directory)).
    type: path
seealso:
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_audit
  - module: infitulua.backup.set_copy
  - module: infitulua.backup.set_verify
  - module: infitulua.backup.replaced_prune
"""

EXAMPLES = r"""
- name: Keep 14 daily, 8 weekly, 12 monthly and 10 yearly sets in the vault
  infitulua.backup.set_prune:
    medium:
      type: directory
      path: /srv/backup/vault
    policies:
      default:
        daily: 14
        weekly: 8
        monthly: 12
        yearly: 10
    holds:
      - source: contabilidad
        from: "2026-01-01"
        to: "2026-06-30"
        reason: Proceso disciplinario 2026-15
    drill_record_directory: /var/lib/infitulua-backup/drills

- name: Show what would be removed, and by which rule
  infitulua.backup.set_prune:
    medium:
      type: directory
      path: /srv/backup/vault
    policies:
      default:
        daily: 7
  check_mode: true
  diff: true

- name: Also keep the copies in the cloud locked, and remove them when their sets have gone and their locks are over
  infitulua.backup.set_prune:
    medium:
      type: directory
      path: /srv/backup/vault
    policies:
      default:
        daily: 14
        monthly: 12
    object_store:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      credentials_file: /etc/infitulua-backup/cloud_retention_credentials
      profile: infitulua-backup

- name: Remove nothing ahead of policy that two of three people have not signed
  infitulua.backup.set_prune:
    medium:
      type: directory
      path: /srv/backup/vault
    policies:
      default:
        daily: 14
        monthly: 12
    approvals:
      required: 2
      approvers:
        - name: direccion
          public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample1
        - name: archivo
          public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample2
        - name: sistemas
          public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample3

- name: List what the vault has of this server
  infitulua.backup.set_info:
    medium:
      type: directory
      path: /srv/backup/vault
    host: srv-financiero
  delegate_to: sistemas
  register: vault

- name: Keep on a server's disk the last three sets that the vault has too
  infitulua.backup.set_prune:
    medium:
      type: directory
      path: /var/backups/infitulua
    host: srv-financiero
    policies:
      default:
        last: 3
    verified_here: false
    verified_elsewhere:
      - medium: vault
        sets: "{{ vault.sets }}"
"""

RETURN = r"""
sets:
  description: Every set that was looked at, oldest first within a source.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    kept:
      description: Whether it is kept.
      type: bool
      sample: true
    rule:
      description:
        - Why. Removed sets have V(expired), no rule keeps it; V(destroyed), it is older than V(destroy_after_days); or
          V(doubtful), it is suspect or its last drill failed, and it is older than O(keep_doubtful_days).
        - Kept by the policy are V(last), V(hourly), V(daily), V(weekly), V(monthly) and V(yearly), the count that keeps
          it; and V(minimum_age), it is younger than V(minimum_days).
        - V(newest), it is the newest good set of its source, or its newest set.
        - V(held), a hold names it; RV(sets[].why) is its reason.
        - V(not_approved), today's rules would remove it, the agreed rules keep it (RV(sets[].why)), and too few people
          have approved that (RV(approvals)).
        - V(in_use), a restore, drill or copy is reading it, or another run is working on its source.
        - V(clock), a clock looks wrong, so nothing of the source is removed.
        - V(misdated), it is one of O(known_misdated), so its age is unknown.
        - V(no_policy), neither its series nor V(default) has a policy.
        - V(not_elsewhere), another medium lacks it (RV(sets[].lacking)).
        - V(unverified), it was not verified on O(medium).
        - V(unreadable), its C(backup.json) or its tag manifest cannot be read.
        - V(suspect) and V(failed_drill), it is not old enough yet for O(keep_doubtful_days).
      type: str
      sample: monthly
    why:
      description: More of that, such as the reason of a hold; empty if there is no more.
      type: str
      sample: Proceso disciplinario 2026-15
    lacking:
      description: The media of O(verified_elsewhere) that do not have it.
      type: list
      elements: str
      sample: []
    series:
      description: The records series (TRD code); empty if it cannot be read.
      type: str
      sample: "400.8"
    bytes:
      description: The size of its payload files; 0 if it cannot be read.
      type: int
      sample: 73402100
    changed:
      description: Whether it was removed (or in check mode would be).
      type: bool
      sample: false
removed_bytes:
  description: The size of the payload files of the sets that were removed (or in check mode would be).
  returned: always
  type: int
  sample: 734021000
forecast:
  description:
    - How the medium fills, from how much of it was free in the last four weeks; null if less than a week is known.
    - Each run records how much is free, at most once in six hours, in C(.free_space.jsonl) below the medium's root.
  returned: always
  type: dict
  contains:
    free_bytes:
      description: How many bytes can still be stored.
      type: int
      sample: 48318382080
    bytes_per_day:
      description: By how many bytes it fills each day; negative if it empties.
      type: int
      sample: 734021000
    full_on:
      description: The day on which it will be full, in O(time_zone); null if not within ten years.
      type: str
      sample: "2027-01-26"
object_store:
  description:
    - What was done with the copies in O(object_store); null without it. It has C(sets), as follows, C(changed) and
      C(failures), each with C(id), C(message) and C(details); the C(id) is empty if the store cannot be reached.
    - A set of O(medium) whose copy there has not been audited is not listed.
  returned: always
  type: dict
  contains:
    sets:
      description: The audited copies of what O(medium) has, and of what retention has removed from it.
      type: list
      elements: dict
      contains:
        id:
          description: The set's id.
          type: str
          sample: srv-financiero/contabilidad/20261122T030000Z
        kept:
          description: Whether the copy is kept.
          type: bool
          sample: true
        rule:
          description:
            - Why. V(not_removed), retention has not removed the set from O(medium); V(locked), it has, and the copy is
              still locked; V(held), a hold names it; V(newest), it is the newest copy of its source; V(clock), a clock
              looks wrong.
            - A removed copy has the rule that removed its set from O(medium).
          type: str
          sample: not_removed
        why:
          description: More of that; empty if there is no more.
          type: str
          sample: ""
        bytes:
          description: The size of its objects.
          type: int
          sample: 73404211
        locked_until:
          description: Until when all of its objects are locked, UTC; null if one of them is not. It is read from the
            store only when it is to be extended or removed.
          type: str
          sample: "2027-12-01T05:00:00Z"
        lock_due:
          description: Until when it is to be locked, UTC; null if no longer than it is.
          type: str
          sample: "2027-12-01T05:00:00Z"
        foreign_locked:
          description: How many objects of others, which somebody has locked, remain at the place of a removed copy.
          type: int
          sample: 0
        changed:
          description: Whether its lock was extended, or it was removed (or in check mode would be).
          type: bool
          sample: true
  sample: null
approvals:
  description: What waits for approval, or was approved by this run; null if nothing needs approval here.
  returned: always
  type: dict
  contains:
    directory:
      description: Where agreed rules and requests are.
      type: str
      sample: /srv/backup/vault/.approvals
    taken_as_agreed:
      description: The sources for which nothing was agreed before, so that the rules of this run are agreed.
      type: list
      elements: str
      sample: []
    requests:
      description: One entry for each request.
      type: list
      elements: dict
      contains:
        host:
          description: The host of the source; empty if it is about the approvers.
          type: str
          sample: srv-financiero
        source:
          description: The source; empty if it is about the approvers.
          type: str
          sample: contabilidad
        request:
          description: The file to sign, with C(ssh-keygen -Y sign -n approve@infitulua.backup). Signatures are read
            from files beside it, of the same name with C(.<anything>.sig) added.
          type: str
          sample: /srv/backup/vault/.approvals/srv-financiero/contabilidad/request-87428fc522803d31.json
        sha256:
          description: The SHA-256 of the file.
          type: str
          sample: 87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7
        text:
          description: The text of the file.
          type: str
          sample: "{}"
        sets:
          description: The ids of the sets that it names, which go when it is approved.
          type: list
          elements: str
          sample: [srv-financiero/contabilidad/20261122T030000Z]
        required:
          description: How many people must sign.
          type: int
          sample: 2
        approved_by:
          description: The names of those who have.
          type: list
          elements: str
          sample: [direccion]
        not_counted:
          description: The names of files that are not the signature of an approver over this request.
          type: list
          elements: str
          sample: []
        approved:
          description: Whether enough people have signed.
          type: bool
          sample: false
        changed:
          description: Whether it was written or carried out (or in check mode would be).
          type: bool
          sample: true
  sample: null
failures:
  description: The sources that could not be looked at, and the sets that could not be removed, each with C(id),
    C(message) and C(details).
  returned: always
  type: list
  elements: dict
  sample: []
dated_after_now:
  description:
    - The ids of the sets on the medium, of the requested host and source, that are dated more than five minutes in the
      future.
    - Either a clock was wrong when they were made, or this host's clock is wrong now.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.sets_call import (
    ARGUMENTS,
    NOTHING,
    call,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "remove expired sets",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
