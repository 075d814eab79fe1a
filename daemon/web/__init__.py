"""The web application (`doodled web`): pages, HTTP API and editor over one spool; a process of its own, which the daemon does not know."""
