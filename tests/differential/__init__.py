"""DBX against a real Redis: the same commands to both, no difference in any reply or key."""
