"""Crash-safe writing, file names, and reading of untrusted files."""
