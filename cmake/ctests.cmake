# tests/c/test_<name>.c: one executable each, linked with the layer it tests and what lies below:
#   test_<file>.c      mirrors csrc/<layer>/<file>.{c,h}
#   test_<layer>_*.c   tests a layer as a whole
#   test_*_faults.c    makes allocations fail; only with DBX_ALLOC_FAULTS
# tests/c/<name>_main.c: programs for other tests, linked with everything.

set(tests_dir "${CMAKE_CURRENT_SOURCE_DIR}/tests/c")
set(layers base codec store types commands engine server client)

function(dbx_test_layer name out)
  foreach(layer ${layers})
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/${name}.c"
       OR EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${layer}/${name}.h")
      set(${out} ${layer} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  foreach(layer ${layers})
    if(name MATCHES "^${layer}(_|$)")
      set(${out} ${layer} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "tests/c/test_${name}.c names neither a file nor a layer of csrc/")
endfunction()

function(dbx_program name source layer)
  add_executable(${name} "${source}")
  target_include_directories(${name} PRIVATE "${tests_dir}")
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_compile_options(${name} PRIVATE ${DBX_WARNINGS} ${DBX_SANITIZE_FLAGS} -UNDEBUG)
  if(CMAKE_CROSSCOMPILING)
    target_compile_definitions(${name} PRIVATE DBX_EMULATED) # slow: fewer rounds will do
  endif()
  target_link_libraries(${name} PRIVATE dbx_${layer})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

file(GLOB test_sources CONFIGURE_DEPENDS "${tests_dir}/test_*.c")
if(NOT DBX_ALLOC_FAULTS)
  list(FILTER test_sources EXCLUDE REGEX "_faults\\.c$")
endif()
foreach(source ${test_sources})
  get_filename_component(program "${source}" NAME_WE)
  string(REGEX REPLACE "^test_" "" name "${program}")
  dbx_test_layer(${name} layer)
  dbx_program(${program} "${source}" ${layer})
  add_test(NAME ${program} COMMAND ${program})
  set_tests_properties(${program} PROPERTIES TIMEOUT 300)
endforeach()

if(TEST test_engine_faults)
  set_tests_properties(test_engine_faults PROPERTIES COST 100) # the longest begins first
endif()

file(GLOB main_sources CONFIGURE_DEPENDS "${tests_dir}/*_main.c")
foreach(source ${main_sources})
  get_filename_component(program "${source}" NAME_WE)
  dbx_program(${program} "${source}" server)
endforeach()
