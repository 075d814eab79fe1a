-- How long do drawings wait before they are claimed?
--
-- Call:    see lines.sql
-- Answer:  claims, p50, p95 (both interpolated) and maximum of the wait in ms
--   5  3147.0  5266.4  5477.0
select count(*) as claims, quantile_cont(queue_wait_ms, 0.5) as p50_ms, round(quantile_cont(queue_wait_ms, 0.95), 2) as p95_ms,
  max(queue_wait_ms) as max_ms
from l where event = 'job.claimed';
