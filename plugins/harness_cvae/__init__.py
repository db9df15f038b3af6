"""The conditional variational autoencoder (Sohn et al. 2015) and what it is compared with."""
