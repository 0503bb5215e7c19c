"""Sources: where readings come in that no Modbus unit gives. Networks over MQTT, platforms that push, frames on a line.

Every source is ``envelope → decoder → spool``, and says "taken" to the other side only when the spool has it on disk.
The modules named after a network or platform are pure: a message in, frames out. May import libraries and the cabinet's
other modules only; never the city's.
"""
