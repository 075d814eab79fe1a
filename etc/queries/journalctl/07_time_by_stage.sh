#!/usr/bin/env bash
# Where does the time go?
#
# Call:    etc/queries/journalctl/07_time_by_stage.sh --since -1d        (arguments are journalctl's)
# Answer:  stage, total s, percent of the total; the longest first
#   segment  1.553  29.9
# journalctl only matches fields; jq counts.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/07_time_by_stage.jq"
