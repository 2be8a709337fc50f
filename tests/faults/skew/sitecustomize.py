"""Makes a Python program's clock wrong by STELLWERK_TEST_SKEW_S seconds: for one on whose PYTHONPATH this folder is.

Must not do anything else, and nothing without that variable. The monotonic clock stays right.
"""

import os
import time

_shift_s = float(os.environ.get("STELLWERK_TEST_SKEW_S", "0"))
if _shift_s:
    _time, _time_ns = time.time, time.time_ns
    time.time = lambda: _time() + _shift_s
    time.time_ns = lambda: _time_ns() + int(_shift_s * 1e9)
