#!/usr/bin/env bash
# How often has TorchServe to be asked again?
#
# Call:    etc/queries/journalctl/03_retry_rate.sh               (native fields; of the last hour; arguments are journalctl's)
# Answer:  share of attempts that were made again, how many
#   0.25  2
set -euo pipefail
told() { journalctl --identifier=doodled --since=-1h --output=cat --output-fields=MESSAGE --quiet "$@" | wc -l; }
again=$(told "$@" EVENT=upstream.retry)
answered=$(told "$@" EVENT=stage.done STAGE=infer)
jq -nr --argjson again "$again" --argjson answered "$answered" '[if $again + $answered > 0 then $again / ($again + $answered) else 0 end, $again] | @tsv'
