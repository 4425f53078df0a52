"""Waits until it is stopped."""

import threading

print("waiting", flush=True)
threading.Event().wait()
