-- How long does each stage take (p95) in the last hour?
--
-- Call:    see lines.sql
-- Answer:  stage, jobs, p95 in ms (interpolated); the slowest first
--   scene  4  485.0
select stage, count(*) as jobs, round(quantile_cont(duration_ms, 0.95), 2) as p95_ms
from recent where event = 'stage.done' group by stage order by quantile_cont(duration_ms, 0.95) desc, stage;
