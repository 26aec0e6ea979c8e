"""Measurements of speed, memory and growth; see docs/speed.md for what they say and how to repeat them."""
