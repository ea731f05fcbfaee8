# tests/fuzz/fuzz_<name>.c: libFuzzer targets over everything, with the sanitizers of DBX_SANITIZE.
# Configure with CC=clang -DDBX_FUZZ=ON -DDBX_SANITIZE=address,undefined.

if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "DBX_FUZZ needs clang (CC=clang)")
endif()

file(GLOB fuzz_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/fuzz/fuzz_*.c")
foreach(source ${fuzz_sources})
  get_filename_component(program "${source}" NAME_WE)
  add_executable(${program} "${source}")
  target_compile_definitions(${program} PRIVATE _GNU_SOURCE)
  target_compile_options(${program} PRIVATE ${DBX_WARNINGS} ${DBX_SANITIZE_FLAGS})
  target_link_options(${program} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${program} PRIVATE dbx_server)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endforeach()
