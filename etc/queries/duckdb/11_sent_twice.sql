-- Which drawings were dropped more than once?
--
-- Call:    see lines.sql
-- Answer:  start of the content's hash, jobs, names
--   427dd7965c6b  2  again.jpg, green_crayon.jpg
select file_sha256[1:12] as content, count(distinct job_id) as jobs, string_agg(distinct file_name, ', ' order by file_name) as names
from l where event in ('job.done', 'job.failed') and file_sha256 is not null
group by file_sha256 having count(distinct job_id) > 1 order by jobs desc, content;
