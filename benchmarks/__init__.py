"""Benchmarks: each module's ``run(seconds)`` answers figures beside a baseline measured in the same run.

They assert nothing about time. ``covercode bench NAME --json`` runs them from the checkout.
"""
