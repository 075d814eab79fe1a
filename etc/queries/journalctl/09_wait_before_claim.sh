#!/usr/bin/env bash
# How long do drawings wait before they are claimed?
#
# Call:    etc/queries/journalctl/09_wait_before_claim.sh --since -1d        (arguments are journalctl's)
# Answer:  claims, ms that half waited less than, that 95 of 100 did, that all did
#   5  3147  5477  5477
# journalctl matches fields, and counts nothing: jq does.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/09_wait_before_claim.jq"
