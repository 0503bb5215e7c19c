"""Everything HTTP: one Flask app with the pages, the JSON API and the live stream.

May import ``registry.services`` (to write), ``registry.queries`` (to read), ``registry.domain`` (words and errors) and
libraries. May not import ``registry.storage`` or ``gateway``: the engine and the series store come in as arguments and
are handed on, never used here.

Where things are: ``app`` puts the pieces together; ``permissions`` says who may use which route; ``errors`` turns every
exception into one answer; ``texts`` has the words and the ways to write a time or a number; ``pages`` and ``api`` are
the routes, one module per subject; ``forms`` reads what people send; ``stream`` carries what happens to the open pages;
``server`` runs it all. ``templates``, ``words`` and ``frontend`` are what people see.
"""
