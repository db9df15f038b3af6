"""Simple models that comparisons of image models need."""
