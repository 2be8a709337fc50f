#!/bin/sh
# Writes the Java code of proto/ to src/generated/java, or to the folder given. Must leave nothing stale there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/src/generated/java}
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -rf "$out/io/stellwerk/v1"

# worker.proto's own class would be called Worker, as a message of admin.proto is; the protos themselves say nothing of Java's files.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R "$here/../../proto/." "$scratch"
printf '\noption java_outer_classname = "WorkerProto";\n' >> "$scratch/stellwerk/v1/worker.proto"

mvn -B -ntp -q -f "$here/pom.xml" -Pgenerate -Dproto.folder="$scratch" -Dgenerated.folder="$out" protobuf:generate@protos
