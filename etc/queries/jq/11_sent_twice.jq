# Which drawings were dropped more than once?
#
# Call:    jq -nRr -f etc/queries/jq/11_sent_twice.jq doodled.log
# Answer:  start of the content's hash, jobs, names
#   427dd7965c6b  2  again.jpg, green_crayon.jpg
[inputs | fromjson? | objects | select((.event == "job.done" or .event == "job.failed") and .file_sha256)]
| group_by(.file_sha256) | map(select((map(.job_id) | unique | length) > 1)) | sort_by(-length)[]
| [.[0].file_sha256[0:12], (map(.job_id) | unique | length), (map(.file_name) | unique | join(", "))] | @tsv
