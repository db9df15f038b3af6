"""Which architecture classifies images best: on whole datasets, with few of them, and at what cost."""
