"""The op `causal_conv1d`: its definition, its inputs, and one module a kernel."""
