"""The op `selective_scan_update`, one token of `selective_scan`: its definition, inputs, and one module a kernel."""
