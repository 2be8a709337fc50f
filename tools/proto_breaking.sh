# Compares proto/ with what it was before its last change: HEAD's while it is being edited, else that of the commit
# before the one that last touched it. So the check is never a comparison of a tree with itself. BASE=ref overrides.
set -eu
before=$1

fail() {
    echo "make proto: $1" >&2
    exit 1
}

# A CI container often runs as root in a checkout that belongs to somebody else; whoever runs this trusts it.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$PWD"

if [ ! -e .git ]; then
    echo "proto: no git history here, nothing to compare with"
    exit 0
fi
git rev-parse --git-dir >/dev/null || fail "git cannot read this checkout"
if ! git rev-parse --quiet --verify HEAD >/dev/null; then
    echo "proto: no commit yet, nothing to compare with"
    exit 0
fi

base=${BASE:-HEAD}
if [ -z "${BASE:-}" ] && git diff --quiet HEAD -- proto; then
    base=$(git log -1 --format=%H -- proto)^
fi
if ! git cat-file -e "$base:proto" 2>/dev/null; then
    [ -z "${BASE:-}" ] || fail "BASE=$BASE holds no proto/"
    echo "proto: this is the first version in the history at hand, nothing to compare with"
    exit 0
fi

rm -rf "$before"
mkdir -p "$before"
git archive "$base" proto | tar -x -C "$before"
"$BUF" breaking proto --against "$before/proto"
echo "proto: nothing breaks against $(git rev-parse --short "$base")"
