# Mirrors csrc/commands/{command,table}.h: what Python reads of the command table.
from libc.stdint cimport uint32_t

cdef extern from "commands/command.h" nogil:
    ctypedef struct dbx_command:
        const char *name
        const char *group
        const char *syntax
        const char *summary
        const char *since
        const char *complexity
        int arity
        uint32_t flags
        const dbx_command *subcommands
        const char *deprecated_since
        const char *replaced_by

cdef extern from "commands/table.h" nogil:
    const dbx_command *dbx_table_at(size_t index)
