-- How much is waiting, and for how long?
--
-- Call:    see lines.sql
-- Answer:  the last heartbeat: time, drawings in the inbox, age of the oldest in s, waiting jobs, running jobs, circuit breaker of the models
--   2026-11-22 12:42:38.669  0  0.0  0  2  closed
select "timestamp", inbox_depth, oldest_pending_s, jobs_waiting, in_flight, models_breaker
from l where event = 'daemon.heartbeat' order by "timestamp" desc limit 1;
