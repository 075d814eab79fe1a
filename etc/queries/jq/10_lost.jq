# Were events or log records lost, and was the daemon restarted?
#
# Call:    jq -nRr -f etc/queries/jq/10_lost.jq doodled.log
# Answer:  starts, runs without a stop (killed, or still running), jobs taken over from dead daemons, events that the kernel lost,
#          drawings that only the scan found, log records dropped
#   3  1  1  0  0  0
[inputs | fromjson? | objects]
| (map(select(.event == "daemon.start").instance) | unique) as $started
| (map(select(.event == "daemon.stop").instance) | unique) as $stopped
| def most($name): group_by(.instance) | map(map(.[$name] // 0) | max) | add // 0;
  (map(select(.event == "daemon.heartbeat"))) as $heartbeats
| [($started | length), ($started - $stopped | length), (map(select(.event == "job.recovered")) | length),
   ($heartbeats | most("overflows")), ($heartbeats | most("found_by_scan_only")), ($heartbeats | most("log_dropped"))] | @tsv
