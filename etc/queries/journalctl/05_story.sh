#!/usr/bin/env bash
# What happened to one drawing?
#
# Call:    etc/queries/journalctl/05_story.sh 01M81MF4XT0S4SZSN0JB6DCVXX          (native fields; further arguments are journalctl's)
# Answer:  2026-11-22T12:42:32.261000+0000 host doodled[4334]: garlic.jpg claimed after 120 ms
set -euo pipefail
job=${1:?usage: 05_story.sh JOB_ID [journalctl\'s options]}
shift
journalctl --identifier=doodled --output=short-iso-precise --utc --quiet "$@" "JOB_ID=$job"
