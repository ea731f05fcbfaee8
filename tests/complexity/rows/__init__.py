"""A module for a family: SETUPS by name, and ROWS of command, setup, growth and whether it spoils
what it met."""
