"""The ways out of the house: what a notice says (``texts``) and how it leaves (``ways``).

May not decide who is told (``registry.domain.notices``) and may not write to the records (``registry.services``). An
address may hold a password: nothing here puts one into a log, an error or a text.
"""
