"""Commands of the command line, one module each; `daemon.cli` parses their options."""
