-- What happened to one drawing?
--
-- Call:    see lines.sql; before it: set variable job = '01M81MF4XT0S4SZSN0JB6DCVXX' (or a name: 'garlic.jpg')
-- Answer:  time, event, stage, ms, reason
--   2026-11-22 12:42:32.261  job.claimed
--   2026-11-22 12:42:35.337  stage.done  decode  24.28
--   2026-11-22 12:42:35.337  job.done            3047
select "timestamp", event, coalesce(stage, '') as stage, duration_ms, coalesce(error_type, reason, '') as reason
from l where job_id in (select job_id from l where job_id = getvariable('job') or file_name = getvariable('job'))
order by "timestamp", event in ('job.done', 'job.failed');
