#!/usr/bin/env bash
# doodled's records in the journal as JSON lines, as on stdout: for the queries in ../jq and in this folder.
#
# Call:    etc/queries/journalctl/records.sh --since -1h | jq -nRr -f etc/queries/jq/07_time_by_stage.jq
#          Arguments are journalctl's: times, --file, field matches such as EVENT=job.failed.
# Answer:  {"timestamp":"2026-11-22T12:42:38.916Z","level":"info","event":"job.claimed",...}
# Reads native fields ([log] to = "journal") as well as JSON from stdout.
set -euo pipefail
journalctl --identifier=doodled --output=json --all --quiet "$@" | jq -c '
  ["job_id", "file_name", "folder", "failed_path", "review_path", "host", "instance", "version", "error_id", "config_digest", "reason",
   "error_message", "text"] as $texts
  | if .EVENT then
      . as $entry
      | with_entries(select((.key | test("^[A-Z]")) and (.key | IN("MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER") | not))
                     | .key |= ascii_downcase
                     | if (.key | IN($texts[])) then . else .value = (.value | . as $text | try fromjson catch $text) end)
      | {timestamp: ($entry.__REALTIME_TIMESTAMP | tonumber
           | (. / 1000000 | floor | todate[0:19]) + "." + ((. % 1000000 / 1000 | floor + 1000 | tostring)[1:]) + "Z"),
         level: ({"3": "error", "4": "warning", "7": "debug"}[$entry.PRIORITY] // "info"), service: "doodled"} + .
    else .MESSAGE | fromjson? | objects end'
