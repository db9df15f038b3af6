"""The op `causal_conv1d_update`, one token of `causal_conv1d`: its definition, inputs, and one module a kernel."""
