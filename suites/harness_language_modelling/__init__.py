"""Language models: text of the standard library, and any task of lm-eval."""
