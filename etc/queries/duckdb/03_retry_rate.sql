-- How often has TorchServe to be asked again?
--
-- Call:    see lines.sql; of the last hour
-- Answer:  share of attempts that were made again, how many, in how many jobs
--   0.25  2  1
select coalesce(count(*) filter (event = 'upstream.retry') / nullif(count(*), 0), 0) as share,
  count(*) filter (event = 'upstream.retry') as retries,
  count(distinct job_id) filter (event = 'upstream.retry') as jobs
from recent where event = 'upstream.retry' or (event = 'stage.done' and stage = 'infer');
