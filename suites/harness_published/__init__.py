"""Numbers that papers print, for boards of the same tasks."""
