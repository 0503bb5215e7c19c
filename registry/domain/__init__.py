"""What the city decides, as pure functions and values: time and state come in, new state comes out.

May import the standard library and ``msgspec``. May not read a clock, open anything, or import a framework.
"""
