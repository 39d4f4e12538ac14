"""Measures mounts against each other; scripts/bench is its command."""
