#!/usr/bin/env bash
# Where does the time go?
#
# Call:    etc/queries/journalctl/07_time_by_stage.sh --since -1d        (arguments are journalctl's)
# Answer:  stage, s altogether, percent of all; the most first
#   segment  1.553  29.9
# journalctl matches fields, and counts nothing: jq does.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/07_time_by_stage.jq"
