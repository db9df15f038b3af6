"""The bodies of the commands; imported only when the command runs."""
