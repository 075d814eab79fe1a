-- Were events or log records lost, and was the daemon restarted?
--
-- Call:    see lines.sql
-- Answer:  starts, runs without a stop (killed, or still running), jobs taken over from dead daemons, events that the kernel lost,
--          drawings that only the scan found, log records dropped
--   3  1  1  0  0  0
with runs as (
  select bool_or(event = 'daemon.start') as is_started, bool_or(event = 'daemon.stop') as is_stopped,
    count(*) filter (event = 'job.recovered') as recovered, coalesce(max(overflows), 0) as overflows,
    coalesce(max(found_by_scan_only) filter (event = 'daemon.heartbeat'), 0) as found, coalesce(max(log_dropped), 0) as dropped
  from l group by instance)
select count(*) filter (is_started) as starts, count(*) filter (is_started and not is_stopped) as without_end,
  sum(recovered)::bigint as recovered, sum(overflows)::bigint as overflows, sum(found)::bigint as found_by_scan_only,
  sum(dropped)::bigint as log_dropped
from runs;
