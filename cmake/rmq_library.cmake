# SPDX-License-Identifier: Apache-2.0
#
# rmq_library(<name> DIR <path below src> SRCS … DEPS … [PRIVATE_DEPS …])
#
# Makes rmq_<name> with the alias rmq::<name>, and publishes an include root that holds only this
# library (a link build/include/<name>/<DIR> -> src/<DIR>). Including a header of a library that is
# not in DEPS therefore does not compile: the dependency direction is enforced by the compiler.
function(rmq_library name)
    cmake_parse_arguments(ARG "" "DIR" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
    rmq_include_root(${name} ${ARG_DIR})
    add_library(rmq_${name} STATIC ${ARG_SRCS})
    add_library(rmq::${name} ALIAS rmq_${name})
    target_include_directories(rmq_${name} PUBLIC ${CMAKE_BINARY_DIR}/include/${name})
    target_compile_options(rmq_${name} PRIVATE ${RMQ_WARNINGS})
    target_link_libraries(rmq_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
    if(RMQ_UNITY)
        rmq_unity_groups(rmq_${name} ${ARG_SRCS})
    endif()
endfunction()

# Sources of one folder are compiled together, at most eight at a time in the order of SRCS, so that
# headers are read once for all of them. Names in their unnamed namespaces must differ.
function(rmq_unity_groups target)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    # A source's own types count as a header's there.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    foreach(source ${ARGN})
        get_filename_component(folder ${source} DIRECTORY)
        string(MAKE_C_IDENTIFIER "in_${folder}" group)
        if(NOT DEFINED ${group}_count)
            set(${group}_count 0)
        endif()
        math(EXPR part "${${group}_count} / 8")
        math(EXPR ${group}_count "${${group}_count} + 1")
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group}_${part})
    endforeach()
endfunction()

function(rmq_include_root name dir)
    set(link ${CMAKE_BINARY_DIR}/include/${name}/${dir})
    get_filename_component(parent ${link} DIRECTORY)
    file(MAKE_DIRECTORY ${parent})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${dir} ${link} SYMBOLIC)
endfunction()

# rmq_test(<library> SRCS … [DEPS …]): one test program per library, registered with ctest. Its
# results are written as Catch2 XML below test-results/, from where the ledger is generated. Its own
# sources are not optimized except under sanitizers, which halves their compile time; what they test is.
function(rmq_test name)
    if(NOT RMQ_BUILD_TESTS OR RMQ_FUZZ)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
    add_executable(${name}_test ${ARG_SRCS} $<TARGET_OBJECTS:rmq_catch_main>)
    target_compile_options(${name}_test PRIVATE ${RMQ_WARNINGS})
    if(NOT RMQ_SANITIZE)
        target_compile_options(${name}_test PRIVATE -O0)
    endif()
    target_link_libraries(${name}_test PRIVATE rmq::${name} ${ARG_DEPS})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/test-results)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND}
        -DPROGRAM=$<TARGET_FILE:${name}_test>
        -DRESULTS=${CMAKE_BINARY_DIR}/test-results/${name}.xml
        -P ${CMAKE_SOURCE_DIR}/cmake/run_unit_test.cmake)
endfunction()
