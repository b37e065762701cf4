# SPDX-License-Identifier: Apache-2.0
# Runs one Catch2 program once, keeping its XML results and printing the failures from them.
execute_process(COMMAND ${PROGRAM} --reporter xml --out ${RESULTS} --durations yes RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    execute_process(COMMAND ${PROGRAM} --reporter compact)
    message(FATAL_ERROR "${PROGRAM} failed with ${status}; see ${RESULTS}")
endif()
