"""Everything that happens inside a trial. The only part of the core that imports torch."""
