"""What the tests share: servers to talk to, a client that hides nothing, and ways to compare."""
