"""Infini-attention (Munkhdalai et al. 2024)."""
