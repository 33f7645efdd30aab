"""A legacy system's file made of the demo's own bills, with differences planted whose class is known. Seeded.

The amounts are worked in plain Python from the printed columns of the lines, by nothing of the engine.
"""
