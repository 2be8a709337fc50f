# Fills a virtual environment with exactly what requirements.lock names, and this checkout's two packages.
# Safe to run again at any time, also over a half-made environment. It installs nothing outside of the folder.
set -eu
venv=$1
python=${PYTHON:-python3}

fail() {
    echo "make venv: $1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "Python >= 3.11 is needed, '$python' is not on the PATH"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python >= 3.11 is needed, '$python' is $("$python" -V 2>&1); name another one: make PYTHON=python3.12"

# uv reads no pip.conf, so only pip, which knows the machine's index and certificates, fetches it; and pip does
# the rest as well where uv cannot reach an index.
if ! "$venv/bin/uv" --version >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "'$python' cannot make environments; on Debian and Ubuntu: apt-get install python3-venv"
    echo "making $venv (once; it takes less than a minute)"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$(grep -o '^uv==[^ ]*' requirements.lock)"
fi

install() {
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" "$@" 2>"$venv/uv.log" ||
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ||
        { cat "$venv/uv.log" >&2; fail "an installation failed"; }
}

install --require-hashes -r requirements.lock
install --no-deps --no-build-isolation -e sdk/python -e 'server[embedded]'
