"""Deep Q-learning: as printed in 2013 and 2015, with double Q, with few samples, and without a replay memory."""
