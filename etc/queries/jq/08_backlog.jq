# How much is waiting, and for how long?
#
# Call:    jq -nRr -f etc/queries/jq/08_backlog.jq doodled.log
# Answer:  the last heartbeat: time, drawings in the inbox, age of the oldest in s, waiting jobs, running jobs, circuit breaker of the models
#   2026-11-22T12:42:38.669Z  0  0  0  2  closed
[inputs | fromjson? | objects | select(.event == "daemon.heartbeat")]
| sort_by(.timestamp) | last // empty
| [.timestamp, .inbox_depth, .oldest_pending_s, .jobs_waiting, .in_flight, .models_breaker] | @tsv
