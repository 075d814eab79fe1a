# Which drawings failed, and why?
#
# Call:    jq -nRr -f etc/queries/jq/02_failures.jq doodled.log
# Answer:  time, drawing, stage, error type, error message; the latest first
#   2026-11-22T12:42:38.916Z  words.png  decode  unsupported  the file is text: expected an image (PNG, JPEG, ...)
[inputs | fromjson? | objects | select(.event == "job.failed")]
| sort_by(.timestamp, .file_name) | reverse[]
| [.timestamp, .file_name, .stage // "", .error_type, .error_message] | @tsv
