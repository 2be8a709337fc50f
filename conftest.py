"""The fixtures every test of this checkout may ask for, and what they all need of the terminal that starts them."""

import signal

pytest_plugins = ["tests.support.databases"]

# A shell without job control starts what runs in the background with SIGINT ignored, and all we start would inherit
# that: a JVM then never hears of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
