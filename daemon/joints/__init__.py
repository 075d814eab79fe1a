"""`doodled joints`: a figure's joints corrected by hand, in a browser, with the animation beside them.

`folder` is the character folder; `server` hands the page and the pictures out and takes joints in; `page` is what the browser shows.
"""
