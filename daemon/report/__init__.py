"""`doodled report`: what the log tells, counted and shown."""
