# Makes the settings of a machine's service from etc/doodled.toml: the root, for everyone who calls `doodled jobs`, and the journal.
s|^# Settings of `doodled run` with their defaults\. .*|# Settings of the doodled service, see doodled.toml(5). Apply changes with: systemctl reload doodled|
/^# \/etc\/doodled\/doodled\.toml, or name it with --config\.$/d
s|^# root = "/var/lib/doodled"|root = "/var/lib/doodled"|
s|^to = "stdout" .*|to = "journal"              # (restart) as fields (JOB_ID=, ...); or "stdout"|
