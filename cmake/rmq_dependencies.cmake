# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, all from Debian 12. A new one needs a decision record.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(simdjson 3.0 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libdeflate REQUIRED IMPORTED_TARGET libdeflate)

# Asio without Boost.System's compiled part; compiled once in src/remoting/asio_impl.cc.
add_library(rmq_asio INTERFACE)
target_compile_definitions(rmq_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION
    BOOST_ASIO_NO_DEPRECATED BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(rmq_asio INTERFACE Boost::headers Threads::Threads)
