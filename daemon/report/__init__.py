"""`doodled report`: statistics of a log as tables, JSON or an HTML page."""
