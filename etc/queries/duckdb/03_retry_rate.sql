-- How often are requests to the model server retried?
--
-- Call:    see lines.sql; of the last hour
-- Answer:  share of retried requests, retries, jobs with retries
--   0.25  2  1
select coalesce(count(*) filter (event = 'inference.retried') / nullif(count(*), 0), 0) as share,
  count(*) filter (event = 'inference.retried') as retries,
  count(distinct job_id) filter (event = 'inference.retried') as jobs
from recent where event = 'inference.retried' or (event = 'stage.done' and stage = 'infer');
