"""Pure decisions: start, retry, defer or fail."""
