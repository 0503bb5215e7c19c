"""What people and processes may do to the registry: one use case per function, the only writers.

May import ``registry.domain`` and ``registry.storage``. Every function takes the engine (or a caller's transaction)
and ``now``.
"""
