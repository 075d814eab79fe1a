"""Metrics for Prometheus: counters fed by log events, and the exporters that serve them."""
