"""Simple models that comparisons of sequence models need."""
