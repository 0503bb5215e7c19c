"""A city's year, planned from one seed: what its sensors say, and what really happened.

``plan`` draws the year, ``readings`` says what arrives, ``truth`` is what a city is judged by. Times are seconds since
the year's first midnight; ``Year.started_s`` is the Unix time of that. Imports nothing of ours but this package.
"""
