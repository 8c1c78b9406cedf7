"""Array types of the whole package, each defined once.

`FloatArray` is what sounds and scores are made of, `DoubleArray` what figures and times are computed in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
