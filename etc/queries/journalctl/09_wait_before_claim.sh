#!/usr/bin/env bash
# How long do drawings wait before they are claimed?
#
# Call:    etc/queries/journalctl/09_wait_before_claim.sh --since -1d        (arguments are journalctl's)
# Answer:  claims, p50, p95 and maximum of the wait in ms
#   5  3147  5477  5477
# journalctl only matches fields; jq counts.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/09_wait_before_claim.jq"
