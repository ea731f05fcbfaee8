#!/bin/sh
# asan.sh [PATH...]: the Python tests on an extension module built with the address and undefined-behaviour
# sanitizers, in a virtual environment of its own. Python itself is not instrumented: the run-time libraries
# are preloaded, and leaks are not looked for (Python keeps much until the end; the C tests look for them).
# tests/cross has builds of its own.
set -eu
venv=build/asan-venv
if [ ! -x $venv/bin/python ]; then
    "${PYTHON:-python3}" -m venv $venv
    $venv/bin/pip install -q --upgrade 'pip>=25.1'
    $venv/bin/pip install -q cmake ninja scikit-build-core 'cython>=3.1,<4' 'poetry-core>=1'
    $venv/bin/pip install -q --group test
fi
$venv/bin/pip install -q --no-build-isolation --no-deps -e . -Ceditable.rebuild=false \
    -Cbuild-dir=build/asan-editable -Ccmake.define.DBX_SANITIZE=address,undefined \
    -Ccmake.define.DBX_LTO=OFF -Cinstall.strip=false
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
    $venv/bin/python -m pytest -q -p no:cacheprovider --ignore=tests/cross "$@"
