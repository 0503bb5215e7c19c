"""Grafana for those who have it: our boards and the two stores as files that Grafana reads when it starts.

Made from the boards that the program ships (``registry/data/boards``); ``covercode grafana write`` writes them for a
city of its own. What stands in this folder is what it writes with ``--plain``, and a test holds the two equal. May use
the boards' shapes and the pages' words; asks no database.
"""
