"""The op `long_conv`: its definition, its inputs, and one module a kernel."""
