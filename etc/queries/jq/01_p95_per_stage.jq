# How long does each stage take (p95) in the last hour?
#
# Call:    jq -nRr -f etc/queries/jq/01_p95_per_stage.jq doodled.log        (another period: --argjson hours 24)
# Answer:  stage, jobs, p95 in ms; the slowest first
#   render   4   381.98
#   segment  4   376.97
def hours: $ARGS.named.hours // 1;
def p95: sort | .[(length * 0.95 | ceil) - 1];
[inputs | fromjson? | objects | select(.event == "stage.done" and (.timestamp[0:19] + "Z" | fromdate) > now - 3600 * hours)]
| group_by(.stage)
| map([.[0].stage, length, (map(.duration_ms) | p95)])
| sort_by(-.[2])[] | @tsv
