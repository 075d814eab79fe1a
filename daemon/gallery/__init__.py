"""The gallery in the outbox."""
