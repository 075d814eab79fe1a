#!/usr/bin/env bash
# Which drawings were dropped more than once?
#
# Call:    etc/queries/journalctl/11_sent_twice.sh --since -1d        (arguments are journalctl's)
# Answer:  start of the content's hash, jobs, names
#   427dd7965c6b  2  again.jpg, green_crayon.jpg
# journalctl only matches fields; jq counts.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/11_sent_twice.jq"
