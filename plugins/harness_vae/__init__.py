"""The variational autoencoder (Kingma & Welling 2013) and what it is compared with."""
