-- What waits, and for how long?
--
-- Call:    see lines.sql
-- Answer:  the last heartbeat: when, in the inbox, oldest of them in s, claimed and waiting, running, the breaker before the networks
--   2026-11-22 12:42:38.669  0  0.0  0  2  closed
select "timestamp", inbox_depth, oldest_pending_s, deferred, in_flight, breaker
from l where event = 'daemon.heartbeat' order by "timestamp" desc limit 1;
