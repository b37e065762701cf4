# SPDX-License-Identifier: Apache-2.0
# Compiler, cache, linker and sanitizer settings shared by every target of the project.

set(RMQ_SANITIZE "" CACHE STRING "Comma-separated -fsanitize= list, empty for none")
option(RMQ_FUZZ "Build libFuzzer targets (clang only)" OFF)
option(RMQ_UNITY "Compile the sources of one folder together" OFF)
option(RMQ_LINT "Run clang-tidy while compiling (clang only)" OFF)

find_program(RMQ_CCACHE ccache)
if(RMQ_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${RMQ_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${RMQ_CCACHE})
endif()

find_program(RMQ_MOLD mold)
if(RMQ_MOLD)
    add_link_options(-fuse-ld=mold)
endif()

set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

if(RMQ_SANITIZE)
    add_compile_options(-fsanitize=${RMQ_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${RMQ_SANITIZE})
endif()

if(RMQ_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
endif()

if(RMQ_LINT)
    set(CMAKE_CXX_CLANG_TIDY clang-tidy-16 --quiet)
endif()

# Applied to the project's own targets only, never to third-party headers.
set(RMQ_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
    -Wimplicit-fallthrough -Wswitch-enum -Werror)
