"""Joint editor: a web page on the loopback interface."""
