"""Boards made from rows, and the forms in which they are shown."""
