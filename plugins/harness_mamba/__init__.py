"""Mamba (Gu & Dao 2023): the model, and its selective scan as an op with three kernels."""
