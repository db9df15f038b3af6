"""The op `infini_attention`: its definition, its inputs, and one module a kernel."""
