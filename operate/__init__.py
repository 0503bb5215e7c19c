"""Wiring: reads settings, sets up logging, and starts each process with its parts.

May import every room. Imported only by ``covercode`` and tests; holds no rule of the city.
"""
