# How many drawings were completed in each 15 minutes, and what share failed?
#
# Call:    jq -nRr -f etc/queries/jq/06_throughput.jq doodled.log
# Answer:  from (UTC), done, failed, share of failures
#   2026-11-22T12:30:00Z  4  1  0.2
[inputs | fromjson? | objects | select(.event == "job.done" or .event == "job.failed")
 | {at: (.timestamp[0:19] + "Z" | fromdate | . - . % 900), is_done: (.event == "job.done")}]
| group_by(.at)[] | (map(select(.is_done)) | length) as $done
| [(.[0].at | todate), $done, length - $done, (length - $done) / length] | @tsv
