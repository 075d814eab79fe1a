# Which drawings were claimed but never completed: are they stuck or lost?
#
# Call:    jq -nRr -f etc/queries/jq/04_stuck.jq doodled.log
# Answer:  job, drawing, its last event, and when; no rows is good. Running jobs are included, and jobs that wait for
#          their own files or a self-test of the workers (deferred as spool, writer or trial); not those that wait for a resource.
#   01M81MFA60KE5NBES99XY16GBH  garlic.jpg  job.claimed  2026-11-22T12:42:38.916Z
[inputs | fromjson? | objects | select(.job_id)]
| group_by(.job_id)[] | sort_by(.timestamp)
| select(any(.[]; .event == "job.claimed"))
| select(all(.[]; .event | IN("job.done", "job.failed", "job.review", "job.unclaimed") | not))
| select(all(.[]; .event != "job.deferred" or (.reason | IN("spool", "trial", "writer"))))
| [.[0].job_id, (map(.file_name // empty) | first), .[-1].event, .[-1].timestamp] | @tsv
