#!/usr/bin/env bash
# Which drawings were claimed but never completed: are they stuck or lost?
#
# Call:    etc/queries/journalctl/04_stuck.sh --since -1d        (arguments are journalctl's)
# Answer:  job, drawing, its last event, and when; no rows is good. Running jobs are included, and jobs that wait for
#          their own files or a self-test of the workers (deferred as spool, writer or trial); not those that wait for a resource.
#   01M81MFA60KE5NBES99XY16GBH  garlic.jpg  job.claimed  2026-11-22T12:42:38.916Z
# journalctl only matches fields; jq counts.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/04_stuck.jq"
