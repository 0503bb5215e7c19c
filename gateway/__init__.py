"""The gateway: brings readings in, in two places.

In the cabinet (``covercode edge``): serial buses → codec → spool → uplink. In the city (``covercode ingest``): packs →
codec → the registry's intake door. The cabinet part may import libraries only, never Flask, SQLAlchemy or the registry:
it must install and run on a small box without them. Only ``gateway.ingest`` may enter the registry, by its intake door.
"""
