# dbx_mdbx: libmdbx's amalgamated source as a static library with hidden symbols.
#
# The source is not in this repository: it comes out of the source distribution of the PyPI package
# libmdbx, pinned by version and checksum in fetch_mdbx.py, which keeps the archive in the user's cache.
# -DDBX_MDBX_DIR=dir names a directory with that release's mdbx.c and mdbx.h instead (no network is
# used then). Either way what is compiled is a copy in which fetch_mdbx.py has repaired its mistakes, and
# which ends with mdbx_more.c.

set(mdbx_dir "${CMAKE_CURRENT_BINARY_DIR}/libmdbx")
find_package(Python COMPONENTS Interpreter REQUIRED)
execute_process(
  COMMAND "${Python_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/fetch_mdbx.py" "${mdbx_dir}" ${DBX_MDBX_DIR}
  RESULT_VARIABLE mdbx_failed)
if(mdbx_failed)
  message(FATAL_ERROR "libmdbx's source is missing, see the lines above.")
endif()
set_property(
  DIRECTORY APPEND
  PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/fetch_mdbx.py"
           "${CMAKE_CURRENT_LIST_DIR}/mdbx_more.c")

add_library(dbx_mdbx STATIC "${mdbx_dir}/mdbx.c")
# SYSTEM: its header is not held to our warnings. Never for the compiler's own optimisation level to
# be lowered: an assertion-checking libmdbx is many times slower and tests nothing of ours.
target_include_directories(dbx_mdbx SYSTEM PUBLIC "${mdbx_dir}")
target_compile_options(dbx_mdbx INTERFACE -Wno-cpp) # it has a #warning about RISC-V
target_compile_options(dbx_mdbx PRIVATE -w -O3 -fno-strict-aliasing)
# MDBX_LOCKING=2001: mutexes without robustness, which not every system has (riscv64 under qemu). Nobody
# needs it: one process opens the file (csrc/store/lock.h), and opening sets them up anew.
target_compile_definitions(
  dbx_mdbx
  PRIVATE NDEBUG=1
          MDBX_LOCKING=2001
          MDBX_DEBUG=0
          MDBX_BUILD_SHARED_LIBRARY=0
          MDBX_BUILD_CXX=0
          MDBX_ENABLE_PROFGC=0
          MDBX_BUILD_TIMESTAMP="reproducible"
          MDBX_BUILD_FLAGS="-O3")
# Never under a sanitizer: this release does not compile with AddressSanitizer, and the others would
# report its deliberate unaligned and lock-free accesses. Calls into libc are still intercepted.
target_link_libraries(dbx_mdbx PUBLIC Threads::Threads)
