#!/usr/bin/env bash
# Were events or log records lost, and was the daemon restarted?
#
# Call:    etc/queries/journalctl/10_lost.sh                     (arguments are journalctl's)
# Answer:  starts, runs without a stop (killed, or still running), jobs taken over from dead daemons, events that the kernel lost,
#          drawings that only the scan found, log records dropped
#   3  1  1  0  0  0
# From systemd itself: journalctl UNIT=doodled.service (restarts, watchdog); systemctl show -p NRestarts doodled
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/10_lost.jq"
