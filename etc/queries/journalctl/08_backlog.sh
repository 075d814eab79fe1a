#!/usr/bin/env bash
# How much is waiting, and for how long?
#
# Call:    etc/queries/journalctl/08_backlog.sh                  (native fields; arguments are journalctl's). See also: systemctl status doodled
# Answer:  the last heartbeat: time, drawings in the inbox, age of the oldest in s, waiting jobs, running jobs, circuit breaker of the models
#   2026-11-22T12:42:38.669Z  0  0  0  2  closed
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" --lines=1 "$@" EVENT=daemon.heartbeat | jq -nRr -f "$here/../jq/08_backlog.jq"
