"""The op `s4d_kernel`: the convolution kernel of a diagonal state space model."""
