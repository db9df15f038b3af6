"""The op `selective_scan`: its definition, its inputs for the gate, and one module a kernel."""
