-- The log as a view `l`, which the queries in this folder read. Lines that are not records of doodled are skipped.
--
-- Call:  duckdb -cmd "set variable log = 'doodled.log'" < <(cat etc/queries/duckdb/{lines,01_p95_per_stage}.sql)
--        (the log may be a pattern, 'doodled.log*', and its files may be gzipped; set variable hours = 24 for another period than the last hour)
-- In Python:  duckdb.execute("set variable log = 'doodled.log'"); duckdb.execute(lines); duckdb.sql(query)
create or replace temp view l as
select * from read_json(getvariable('log'), format = 'newline_delimited', ignore_errors = true, columns = {
  'timestamp': 'TIMESTAMP', 'level': 'VARCHAR', 'event': 'VARCHAR', 'schema': 'BIGINT', 'service': 'VARCHAR', 'version': 'VARCHAR',
  'instance': 'VARCHAR', 'job_id': 'VARCHAR', 'attempt': 'BIGINT', 'file_name': 'VARCHAR', 'folder': 'VARCHAR', 'file_sha256': 'VARCHAR',
  'file_size': 'BIGINT', 'stage': 'VARCHAR', 'outcome': 'VARCHAR', 'duration_ms': 'DOUBLE', 'queue_wait_ms': 'DOUBLE', 'work_ms': 'DOUBLE',
  'publish_ms': 'DOUBLE', 'stages_ms': 'MAP(VARCHAR, DOUBLE)', 'steps_ms': 'MAP(VARCHAR, DOUBLE)', 'error_type': 'VARCHAR', 'error_message': 'VARCHAR', 'reason': 'VARCHAR',
  'server_address': 'VARCHAR', 'server_port': 'BIGINT', 'model': 'VARCHAR', 'status_code': 'BIGINT', 'wait_ms': 'DOUBLE', 'original_job_id': 'VARCHAR',
  'inbox_depth': 'BIGINT', 'oldest_pending_s': 'DOUBLE', 'jobs_waiting': 'BIGINT', 'in_flight': 'BIGINT', 'models_breaker': 'VARCHAR',
  'overflows': 'BIGINT', 'found_by_scan_only': 'BIGINT', 'log_dropped': 'BIGINT'})
where event is not null and service = 'doodled';

create or replace temp view recent as
select * from l where "timestamp" > (now() at time zone 'UTC') - to_seconds(3600 * coalesce(getvariable('hours'), 1));
