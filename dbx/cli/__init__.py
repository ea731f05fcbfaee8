"""The command line: one module per sub-command, loaded when it is used."""
