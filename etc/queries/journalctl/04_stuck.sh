#!/usr/bin/env bash
# Which drawings were claimed, and never heard of again: are they stuck, or lost?
#
# Call:    etc/queries/journalctl/04_stuck.sh --since -1d        (arguments are journalctl's)
# Answer:  job, drawing, what was told of it last, and when; none is a good answer. What runs just now is among them.
#   01M81MFA60KE5NBES99XY16GBH  garlic.jpg  job.claimed  2026-11-22T12:42:38.916Z
# journalctl matches fields, and counts nothing: jq does.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/04_stuck.jq"
