"""Which file in the inbox is complete, and whose turn it is."""
