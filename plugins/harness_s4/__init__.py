"""S4 and S4D: structured state space models as token models."""
