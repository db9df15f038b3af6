"""The op `infini_memory`: its definition, its inputs, and one module a kernel."""
