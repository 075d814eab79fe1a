#!/usr/bin/env bash
# How often are requests to the model server retried?
#
# Call:    etc/queries/journalctl/03_retry_rate.sh               (native fields; of the last hour; arguments are journalctl's)
# Answer:  share of retried requests, retries
#   0.25  2
set -euo pipefail
records_of() { journalctl --identifier=doodled --since=-1h --output=cat --output-fields=MESSAGE --quiet "$@" | wc -l; }
retried=$(records_of "$@" EVENT=inference.retried)
answered=$(records_of "$@" EVENT=stage.done STAGE=infer)
jq -nr --argjson retried "$retried" --argjson answered "$answered" '[if $retried + $answered > 0 then $retried / ($retried + $answered) else 0 end, $retried] | @tsv'
