"""The op `s4_kernel`: the convolution kernel of a diagonal-plus-low-rank state space model."""
