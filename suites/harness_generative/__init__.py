"""What generative models are worth: bounds on likelihood, samples as a classifier sees them, what they fill in."""
