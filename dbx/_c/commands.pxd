# Mirrors csrc/commands/{command,table}.h: what Python reads of the command table.
from libc.stdint cimport uint32_t

from dbx._c.base cimport dbx_slice

cdef extern from "commands/command.h" nogil:
    enum:
        DBX_CMD_INTERNAL
        DBX_CMD_LONG
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
    const dbx_command *dbx_table_resolve(size_t argc, const dbx_slice *argv)
    bint dbx_table_arity_fits(const dbx_command *command, size_t argc)
