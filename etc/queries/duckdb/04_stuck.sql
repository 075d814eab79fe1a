-- Which drawings were claimed but never completed: are they stuck or lost?
--
-- Call:    see lines.sql
-- Answer:  job, drawing, its last event, and when; no rows is good. Running jobs are included, and jobs that wait for
--          their own files or a self-test of the workers (deferred as spool, writer or trial); not those that wait for a resource.
--   01M81MFA60KE5NBES99XY16GBH  garlic.jpg  job.claimed  2026-11-22 12:42:38.916
select job_id, any_value(file_name) as file_name, arg_max(event, "timestamp") as last_event, max("timestamp") as last_time
from l where job_id is not null group by job_id
having bool_or(event = 'job.claimed') and not bool_or(event in ('job.done', 'job.failed', 'job.review', 'job.unclaimed')
  or event = 'job.deferred' and coalesce(reason, '') not in ('spool', 'trial', 'writer')) order by last_time;
