"""What the store promises, tested from outside: on processes that are killed, filled and starved."""
