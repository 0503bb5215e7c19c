"""Reading the tables that a census brings: CSV, XLSX, GeoJSON; columns to fields, cells to values, faults in words.

May import: ``registry.domain``, libraries. May not: the database, services, queries. Nothing here writes a file, and
nothing keeps a whole big file in memory.
"""
