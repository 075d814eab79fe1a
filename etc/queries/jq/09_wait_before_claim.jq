# How long do drawings wait before they are claimed?
#
# Call:    jq -nRr -f etc/queries/jq/09_wait_before_claim.jq doodled.log
# Answer:  claims, p50, p95 and maximum of the wait in ms
#   5  3147  5477  5477
def quantile($share): .[(length * $share | ceil) - 1];
[inputs | fromjson? | objects | select(.event == "job.claimed").queue_wait_ms] | sort
| select(length > 0) | [length, quantile(0.5), quantile(0.95), last] | @tsv
