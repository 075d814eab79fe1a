-- Which drawings failed, and why?
--
-- Call:    see lines.sql
-- Answer:  time, drawing, stage, error type, error message; the latest first
--   2026-11-22 12:42:38.916  words.png  decode  unsupported  the file is text: expected an image (PNG, JPEG, ...)
select "timestamp", file_name, coalesce(stage, '') as stage, error_type, error_message
from l where event = 'job.failed' order by "timestamp" desc, file_name desc;
