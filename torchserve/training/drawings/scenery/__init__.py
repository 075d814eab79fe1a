"""What else is on the page: things, animals and writing, all of which are no figures."""
