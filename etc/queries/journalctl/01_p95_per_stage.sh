#!/usr/bin/env bash
# How long does each stage take (p95) in the last hour?
#
# Call:    etc/queries/journalctl/01_p95_per_stage.sh            (native fields; arguments are journalctl's)
# Answer:  stage, jobs, p95 in ms; the slowest first
#   render   4   381.98
set -euo pipefail
journalctl --identifier=doodled --since=-1h --output=json --output-fields=STAGE,DURATION_MS --quiet "$@" EVENT=stage.done |
  jq -rs 'group_by(.STAGE) | map((map(.DURATION_MS | tonumber) | sort) as $ms
    | [.[0].STAGE, ($ms | length), $ms[($ms | length * 0.95 | ceil) - 1]]) | sort_by(-.[2])[] | @tsv'
