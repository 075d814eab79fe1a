"""Keeps parts of numpy that nothing here uses from being loaded, which numpy itself loads only when asked for.

SciPy asks for all of them: its array API layer copies every name of numpy. A third of the time and of the memory of `import scipy` is
Fortran's compiler front end (numpy.f2py), numpy's test tools, and masked arrays.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Final

import numpy as np

UNUSED: Final = ("f2py", "testing", "ma", "ctypeslib")


def defer_unused() -> None:
    """Load each of them when an attribute of it is first used (importlib.util.LazyLoader). Call it before SciPy is imported."""
    for part in UNUSED:
        name = f"numpy.{part}"
        spec = importlib.util.find_spec(name)
        if name in sys.modules or spec is None or spec.loader is None:
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        setattr(np, part, module)
