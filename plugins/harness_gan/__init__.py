"""Generative adversarial networks (Goodfellow et al. 2014) and two convolutional ones that followed."""
