# Where does the time go?
#
# Call:    jq -nRr -f etc/queries/jq/07_time_by_stage.jq doodled.log
# Answer:  stage, total s, percent of the total; the longest first
#   segment  1.553  29.9
[inputs | fromjson? | objects | select(.event == "stage.done")]
| (map(.duration_ms) | add) as $all
| group_by(.stage) | map({stage: .[0].stage, ms: (map(.duration_ms) | add)}) | sort_by(-.ms)[]
| [.stage, (.ms | round) / 1000, (1000 * .ms / $all | round) / 10] | @tsv
