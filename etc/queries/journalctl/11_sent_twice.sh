#!/usr/bin/env bash
# Which drawings were sent more than once?
#
# Call:    etc/queries/journalctl/11_sent_twice.sh --since -1d        (arguments are journalctl's)
# Answer:  beginning of the content's hash, jobs, names
#   427dd7965c6b  2  again.jpg, green_crayon.jpg
# journalctl matches fields, and counts nothing: jq does.
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/11_sent_twice.jq"
