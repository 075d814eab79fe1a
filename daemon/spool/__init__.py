"""The spool: ownership of jobs, and every rename, link and fsync that changes it."""
