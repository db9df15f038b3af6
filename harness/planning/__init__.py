"""From text and TOML to a plan of trials."""
