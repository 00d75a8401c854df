"""Whether this process is about to end."""

import threading

draining = threading.Event()
"""Set when the process stops taking work; readiness then answers 503."""
