"""An op with a right kernel and with one kernel for each fault that the check must catch."""
