"""The street, pretended: sensor units on covers and poles that answer as Modbus RTU servers on pseudo-terminals.

This room is a stranger to the rest of the product. It may import libraries only, has its own register encoder, its own
framing and its own file formats, so that an encoding mistake on either side shows instead of cancelling out.
"""
