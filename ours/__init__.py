"""Ours takes events from backends and delivers them to destinations, leaking nothing and losing none."""

__version__ = "0.1.0"
