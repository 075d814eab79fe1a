# How often has TorchServe to be asked again?
#
# Call:    jq -nRr -f etc/queries/jq/03_retry_rate.jq doodled.log           (another time than the last hour: --argjson hours 24)
# Answer:  share of attempts that were made again, how many, in how many jobs
#   0.25  2  1
def hours: $ARGS.named.hours // 1;
[inputs | fromjson? | objects | select((.event == "upstream.retry" or (.event == "stage.done" and .stage == "infer"))
                                       and (.timestamp[0:19] + "Z" | fromdate) > now - 3600 * hours)]
| (map(select(.event == "upstream.retry"))) as $again
| [if length > 0 then ($again | length) / length else 0 end, ($again | length), ($again | map(.job_id) | unique | length)] | @tsv
