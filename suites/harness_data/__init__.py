"""Datasets that several suites share, and the readers behind them."""
