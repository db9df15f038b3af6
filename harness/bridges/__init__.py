"""Bridges to other evaluation harnesses. Importing this package imports none of them."""
