"""Decoders: pure functions from a profile, bytes and a port to values in our units, or to a reason why not.

``decode`` is the one door. Nothing here opens, waits, logs or reads a clock. May import the standard library and
msgspec only.
"""

from gateway.decoders.decoding import decode
from gateway.decoders.outcome import REASONS, Decoded, Measured, Rejected

__all__ = ["REASONS", "Decoded", "Measured", "Rejected", "decode"]
