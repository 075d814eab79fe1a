#!/usr/bin/env bash
# Which drawings failed, and why?
#
# Call:    etc/queries/journalctl/02_failures.sh --since today            (native fields; arguments are journalctl's)
# Answer:  time, drawing, stage, error type, error message; the latest first
#   2026-11-22T12:42:38.916Z  words.png  decode  unsupported  the file is text: expected an image (PNG, JPEG, ...)
# All fields of an entry: journalctl -t doodled EVENT=job.failed -o verbose --output-fields=FILE_NAME,STAGE,ERROR_TYPE,ERROR_MESSAGE
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" --reverse "$@" EVENT=job.failed | jq -nRr -f "$here/../jq/02_failures.jq"
