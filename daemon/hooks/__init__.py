"""Hooks: commands and webhooks that are called when a drawing is done or has failed. An observer: no job waits for it."""
