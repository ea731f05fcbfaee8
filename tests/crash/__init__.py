"""kill -9 at random moments, under random commands: what was acknowledged is there afterwards."""
