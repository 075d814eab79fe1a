#!/usr/bin/env bash
# Did we lose events or log records, and was the daemon restarted?
#
# Call:    etc/queries/journalctl/10_lost.sh                     (arguments are journalctl's)
# Answer:  starts, lives without an end (killed, or still running), jobs taken over from dead daemons, events that the kernel lost,
#          drawings that only the scan found, log records dropped
#   3  1  1  0  0  0
# What systemd says of it: journalctl UNIT=doodled.service (restarts, watchdog); systemctl show -p NRestarts doodled
set -euo pipefail
here=$(dirname "$0")
"$here/records.sh" "$@" | jq -nRr -f "$here/../jq/10_lost.jq"
