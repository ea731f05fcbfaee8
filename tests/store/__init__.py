"""What the store promises, tested from outside: on servers killed, filled and starved."""
