# Makes sure that a JDK >= 17 and Maven are there. Only root on Debian has them installed; anybody else is told.
set -eu
there() {
    command -v mvn >/dev/null && command -v javac >/dev/null &&
        [ "$(javac -version 2>&1 | sed 's/javac \([0-9]*\).*/\1/')" -ge 17 ]
}

there && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing a JDK and Maven with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq --no-install-recommends default-jdk-headless maven >/dev/null
    there && exit 0
fi
echo "JDK >= 17 and Maven are needed for the Java SDK (packages default-jdk-headless and maven, or https://adoptium.net)" >&2
exit 1
