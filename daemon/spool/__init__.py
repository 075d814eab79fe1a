"""Who owns which job: every rename, link and fsync of the spool."""
