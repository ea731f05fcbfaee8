# dbx._core: the one extension module, Cython over the C core.

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
find_package(Python 3.11 QUIET COMPONENTS Interpreter Development.Module)
if(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "Python.h of ${Python_EXECUTABLE} is missing. "
                      "Debian and its kin have it in a package: apt-get install python3-dev")
endif()

set(dbx_dir "${CMAKE_CURRENT_SOURCE_DIR}/dbx")
set(core_c "${CMAKE_CURRENT_BINARY_DIR}/_core.c")
add_custom_command(
  OUTPUT "${core_c}"
  COMMAND "${Python_EXECUTABLE}" -m cython --module-name dbx._core --depfile -3 -Werror
          "${dbx_dir}/_core.pyx" -o "${core_c}"
  DEPENDS "${dbx_dir}/_core.pyx"
  DEPFILE "${core_c}.dep"
  COMMENT "Translating dbx/_core.pyx"
  VERBATIM)

Python_add_library(_core MODULE WITH_SOABI "${core_c}")
target_link_libraries(_core PRIVATE dbx_server dbx_client)
target_compile_options(_core PRIVATE -Wall ${DBX_SANITIZE_FLAGS})
target_link_options(_core PRIVATE -Wl,--gc-sections)
set_target_properties(_core PROPERTIES INTERPROCEDURAL_OPTIMIZATION ${DBX_USE_LTO})
install(TARGETS _core DESTINATION dbx COMPONENT python)
if(EXISTS "${mdbx_dir}/LICENSE") # libmdbx is in the module, so its licence goes with it
  install(FILES "${mdbx_dir}/LICENSE" DESTINATION dbx RENAME LICENSE.libmdbx COMPONENT python)
endif()
