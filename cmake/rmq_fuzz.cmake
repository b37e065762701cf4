# SPDX-License-Identifier: Apache-2.0
#
# rmq_fuzz(<name> SRCS … CORPUS <directory> DEPS …): a program around LLVMFuzzerTestOneInput.
# In the fuzz preset it is a libFuzzer program; run it for hours with
#   build/fuzz/bin/<name> -max_len=65536 <a directory of your own> src/…/fuzz_corpus/…
# In every other preset a small driver replays the corpus and then mutates it for a few seconds
# from a seed that it prints, as a ctest.
function(rmq_fuzz name)
    if(NOT RMQ_BUILD_TESTS)
        return()
    endif()
    cmake_parse_arguments(ARG "" "CORPUS" "SRCS;DEPS" ${ARGN})
    add_executable(${name} ${ARG_SRCS})
    target_compile_options(${name} PRIVATE ${RMQ_WARNINGS})
    target_link_libraries(${name} PRIVATE rmq::common ${ARG_DEPS})
    if(RMQ_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    target_link_libraries(${name} PRIVATE rmq_fuzz_driver)
    add_test(NAME ${name} COMMAND ${name} --seconds 5 ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
endfunction()
