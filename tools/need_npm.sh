# Makes sure that npm is there: buf, which checks the protos, comes from it. Only root on Debian has it installed.
set -eu
command -v npm >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing npm with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq --no-install-recommends npm >/dev/null && exit 0
fi
echo "make proto: npm is needed for buf (https://nodejs.org, or your system's package 'npm')" >&2
exit 1
