"""Hooks: commands and webhooks for drawings that are done, have failed or wait for review. An observer: no job waits for it."""
