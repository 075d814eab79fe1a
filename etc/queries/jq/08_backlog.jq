# What waits, and for how long?
#
# Call:    jq -nRr -f etc/queries/jq/08_backlog.jq doodled.log
# Answer:  the last heartbeat: when, in the inbox, oldest of them in s, claimed and waiting, running, the breaker before the networks
#   2026-11-22T12:42:38.669Z  0  0  0  2  closed
[inputs | fromjson? | objects | select(.event == "daemon.heartbeat")]
| sort_by(.timestamp) | last // empty
| [.timestamp, .inbox_depth, .oldest_pending_s, .deferred, .in_flight, .breaker] | @tsv
