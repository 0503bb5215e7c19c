"""The city's book of record: codes, assets, devices, rules, alerts, cases.

Rooms: ``domain`` (pure; no clock, no I/O, no framework), ``services`` (one use case per function, the only
writers), ``queries`` (read models), ``storage`` (tables, migrations, series stores), ``labels``, ``intake`` (the door
for readings) and ``worker`` (the only scheduler process).

May import libraries. May not import ``gateway``, ``dashboards``, ``firmware_sim``, ``operate`` or Flask.
"""
