/* version.h: the one place that says which version of DBX this is; pyproject.toml reads it here. */
#ifndef DBX_BASE_VERSION_H
#define DBX_BASE_VERSION_H

#define DBX_VERSION "0.1.0"

#endif
