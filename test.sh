#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs the tests; ends with "N passed, N failed".
#   ./test.sh            unit tests, also under ASan/UBSan and TSan, tidy, every stock client, the
#                        original's example programs, mqadmin and metrics
#   ./test.sh --unit     unit tests of the release build and tidy only
#   ./test.sh --suite    the original's own integration tests, against RaptorMQ
#   ./test.sh --oracle   the compatibility scenarios against the original server
#   ./test.sh --help     all options
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
case " $* " in
    *" --help "* | *" -h "*) ;;
    *) ./tools/setup/install_deps.sh --test || { echo "0 passed, 1 failed"; exit 1; } ;;
esac
exec python3 tools/test/run_tests.py "$@"
