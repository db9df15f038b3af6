"""Video diffusion (Ho et al. 2022) and the same model of images."""
