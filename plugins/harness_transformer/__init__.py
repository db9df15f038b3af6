"""The Transformer as a decoder (Vaswani et al. 2017)."""
