# What happened to one drawing?
#
# Call:    jq -nRr --arg job 01M81MF4XT0S4SZSN0JB6DCVXX -f etc/queries/jq/05_story.jq doodled.log     (or --arg job garlic.jpg)
# Answer:  time, event, stage, ms, reason
#   2026-11-22T12:42:32.261Z  job.claimed
#   2026-11-22T12:42:35.337Z  stage.done  decode  24.28
#   2026-11-22T12:42:35.337Z  job.done            3047
[inputs | fromjson? | objects | select(.job_id)]
| (map(select(.job_id == $job or .file_name == $job).job_id) | unique) as $jobs
| map(select(.job_id | IN($jobs[]))) | sort_by(.timestamp)[]
| [.timestamp, .event, .stage // "", .duration_ms // "", .error_type // .reason // ""] | @tsv
