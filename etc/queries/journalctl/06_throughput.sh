#!/usr/bin/env bash
# How many drawings were completed in each 15 minutes, and what share failed?
#
# Call:    etc/queries/journalctl/06_throughput.sh --since -1d        (arguments are journalctl's)
# Answer:  from (UTC), done, failed, share of failures
#   2026-11-22T12:30:00Z  4  1  0.2
# journalctl only matches fields; jq counts.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/06_throughput.jq"
