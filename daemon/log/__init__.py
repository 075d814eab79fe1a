"""What the daemon tells, and how it gets out."""
