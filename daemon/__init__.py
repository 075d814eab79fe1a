"""Command line and daemon. They drive `pipeline`, which never imports them.

This module limits OpenBLAS to one thread, before any import of numpy: our matrices are small, and a second thread that spins beside those
of llvmpipe made the deformation eight times slower (0.03 s -> 0.23 s for 339 frames on two cores).
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
