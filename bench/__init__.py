"""Measures this server beside two others: a naive twin, and a Flask that only echoes. `python -m bench --help`."""
