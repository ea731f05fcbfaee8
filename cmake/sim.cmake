# tests/sim: programs in which every system call of the store on files, every clock, every thread and what
# differs between machines is the test's: the linker's --wrap turns the calls of our layers and of libmdbx
# into those of sched.c, calls.c and machine.c, and leaves the C library's own and the sanitizers' alone.

set(sim_dir "${CMAKE_CURRENT_SOURCE_DIR}/tests/sim")
set(sim_wrapped
    pthread_create pthread_join pthread_mutex_lock pthread_mutex_unlock
    pthread_cond_wait pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast
    clock_gettime nanosleep sched_yield getrandom
    open open64 close dup pwrite pwrite64 pwritev64 pread pread64
    ftruncate ftruncate64 posix_fallocate posix_fallocate64 statvfs
    fdatasync fsync mkdir rename unlink mmap mmap64 mremap malloc calloc realloc aligned_alloc
    getpid gethostid sysconf fstatfs64 setmntent opendir readdir closedir)
list(TRANSFORM sim_wrapped PREPEND "-Wl,--wrap=")

add_library(dbx_sim OBJECT
            "${sim_dir}/sched.c" "${sim_dir}/image.c" "${sim_dir}/disk.c" "${sim_dir}/calls.c"
            "${sim_dir}/machine.c" "${sim_dir}/generate.c" "${sim_dir}/world.c"
            "${sim_dir}/judge.c")
# Its own allocations do not fail.
target_compile_definitions(dbx_sim PUBLIC _GNU_SOURCE malloc=__real_malloc calloc=__real_calloc
                                          realloc=__real_realloc)
target_compile_options(dbx_sim PRIVATE ${DBX_WARNINGS} ${DBX_SANITIZE_FLAGS} -UNDEBUG)
target_link_libraries(dbx_sim PUBLIC dbx_engine)
target_link_options(dbx_sim INTERFACE ${sim_wrapped})

foreach(program powercut faults)
  add_executable(${program} "${sim_dir}/${program}.c")
  target_include_directories(${program} PRIVATE "${sim_dir}")
  target_compile_options(${program} PRIVATE ${DBX_WARNINGS} ${DBX_SANITIZE_FLAGS} -UNDEBUG)
  target_link_libraries(${program} PRIVATE dbx_sim)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endforeach()

add_test(NAME powercut COMMAND powercut --states 500)
add_test(NAME faults COMMAND faults)
set_tests_properties(powercut faults PROPERTIES TIMEOUT 600)
