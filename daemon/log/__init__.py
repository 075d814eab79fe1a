"""The daemon's log: events, the processors that turn them into records, and the writers that pass records on."""
