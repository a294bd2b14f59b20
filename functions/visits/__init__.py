"""Visits: what people register for, and the line they stand in."""
