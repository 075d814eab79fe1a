"""The daemon's loop: decides what happens next."""
