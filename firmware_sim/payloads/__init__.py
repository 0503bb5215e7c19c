"""What bought sensors send, as the simulator forms it: one module per maker, one function per frame.

Written from the makers' layouts alone, with an encoding of its own, so that a mistake in a decoder can't cancel itself
out here. Values come in the units people use (degrees, °C, mm, V, %), and stop at the end of their field, as firmware
does. Imports nothing of ours.
"""
