"""Real clients, unmodified: what their users do with strings, keys and connections works on DBX."""
