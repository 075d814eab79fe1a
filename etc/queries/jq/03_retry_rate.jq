# How often are requests to the model server retried?
#
# Call:    jq -nRr -f etc/queries/jq/03_retry_rate.jq doodled.log           (another period than the last hour: --argjson hours 24)
# Answer:  share of retried requests, retries, jobs with retries
#   0.25  2  1
def hours: $ARGS.named.hours // 1;
[inputs | fromjson? | objects | select((.event == "inference.retried" or (.event == "stage.done" and .stage == "infer"))
                                       and (.timestamp[0:19] + "Z" | fromdate) > now - 3600 * hours)]
| (map(select(.event == "inference.retried"))) as $retried
| [if length > 0 then ($retried | length) / length else 0 end, ($retried | length), ($retried | map(.job_id) | unique | length)] | @tsv
