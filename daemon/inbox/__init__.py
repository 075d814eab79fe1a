"""The inbox: scanning, stability of files, and the order in which they are taken."""
