"""What the city decides, as pure functions and values: time and state come in, new state comes out.

May import the standard library, ``msgspec`` and, for check characters, ``python-stdnum``. May not read a clock, open
anything, or import a framework.
"""
