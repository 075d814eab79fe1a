"""The process: command line, and one day the daemon. It drives `pipeline`, which knows nothing of it.

OpenBLAS is told to stay on one thread, before anything loads numpy: our matrices are small, and its second thread, spinning beside
llvmpipe's, made the deformation eight times slower (0.03 s -> 0.23 s for 339 frames on two cores).
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
