-- How many drawings were completed in each 15 minutes, and what share failed?
--
-- Call:    see lines.sql
-- Answer:  from (UTC), done, failed, share of failures
--   2026-11-22 12:30:00  4  1  0.2
select time_bucket(interval 15 minutes, "timestamp") as start, count(*) filter (event = 'job.done') as done,
  count(*) filter (event = 'job.failed') as failed, count(*) filter (event = 'job.failed') / count(*) as failed_share
from l where event in ('job.done', 'job.failed') group by start order by start;
