# Makes sure that a Chromium answers as `chromium`, for the tests of the dashboard. It comes from Debian's packages,
# installed only by root on a machine with apt; elsewhere this says what to do. Fetches no browser builds of strangers.
set -eu
! command -v chromium >/dev/null || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium is missing and may not be installed here (root and apt can); see your system's package of it" >&2
    exit 1
fi
echo "chromium is missing here: installing Debian's package (once)"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install --quiet --yes --no-install-recommends chromium >/dev/null; }
{ install 2>/dev/null || { apt-get update --quiet >/dev/null && install; }; } && command -v chromium >/dev/null || {
    echo "chromium: apt-get could not install it" >&2
    exit 1
}
