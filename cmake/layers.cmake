# dbx_layer(name [layers it may link...]): the static library dbx_<name> of csrc/<name>/*.c.
# Which layer may use which is the include rule of csrc/README.md.

set(DBX_WARNINGS -Wall -Wextra -Wshadow -Wconversion)
if(DBX_WERROR)
  list(APPEND DBX_WARNINGS -Werror)
endif()

set(DBX_SANITIZE_FLAGS "")
if(DBX_SANITIZE)
  set(DBX_SANITIZE_FLAGS -fsanitize=${DBX_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${DBX_SANITIZE})
endif()
# Without it in every layer libFuzzer sees the targets' own lines alone, and learns nothing.
if(DBX_FUZZ)
  list(APPEND DBX_SANITIZE_FLAGS -fsanitize=fuzzer-no-link)
endif()

set(DBX_USE_LTO OFF)
if(DBX_LTO AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT DBX_SANITIZE)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT DBX_USE_LTO OUTPUT DBX_LTO_WHY LANGUAGES C)
endif()

function(dbx_layer name)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/${name}/*.c")
  list(TRANSFORM ARGN PREPEND dbx_ OUTPUT_VARIABLE needs)
  if(NOT sources)
    add_library(dbx_${name} INTERFACE)
    target_include_directories(dbx_${name} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/csrc")
    target_link_libraries(dbx_${name} INTERFACE ${needs} Threads::Threads m)
    return()
  endif()
  add_library(dbx_${name} STATIC ${sources})
  target_include_directories(dbx_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/csrc")
  target_compile_definitions(dbx_${name} PRIVATE _GNU_SOURCE)
  target_compile_options(dbx_${name} PRIVATE ${DBX_WARNINGS} ${DBX_SANITIZE_FLAGS})
  target_link_libraries(dbx_${name} PUBLIC ${needs} Threads::Threads m)
  set_target_properties(dbx_${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ${DBX_USE_LTO})
endfunction()
