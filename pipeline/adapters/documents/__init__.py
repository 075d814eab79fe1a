"""Documents of several drawings: PDF and ZIP files, page by page."""
