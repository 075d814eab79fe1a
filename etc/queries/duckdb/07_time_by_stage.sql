-- Where does the time go?
--
-- Call:    see lines.sql
-- Answer:  stage, total s, percent of the total; the longest first
--   segment  1.553  29.9
select stage, round(sum(duration_ms) / 1000, 3) as total_s, round(100 * sum(duration_ms) / sum(sum(duration_ms)) over (), 1) as percent
from l where event = 'stage.done' group by stage order by sum(duration_ms) desc;
