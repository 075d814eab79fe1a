"""What people type, one module a command; `daemon.cli` puts them together."""
