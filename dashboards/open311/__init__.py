"""Open311 GeoReport v2: how other platforms hand over what citizens told them, and hear what became of it.

XML and JSON, after http://wiki.open311.org/GeoReport_v2, with the extensions in common use: ``servicerequestupdates``
(mySociety), paging, and pictures uploaded with the request. May import what the pages may; knows nothing of forms,
cookies or sessions: whoever writes shows an API token with the scope ``open311`` as ``api_key``.
"""
