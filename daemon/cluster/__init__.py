"""Jobs on other machines: the daemon's client of a Dask cluster, and the worker that `doodled worker` runs. etc/doc/scaling.md."""
