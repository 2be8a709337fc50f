#!/bin/sh
# Generates the TypeScript of proto/ (and of google.rpc's error details) into sdk/node/src/v1, or into the folder given.
# Offline: protoc comes with the Python environment, the plugin with npm. Must not touch anything but that folder.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$here/src/v1}
python=$root/.venv/bin/python
plugin=$root/node_modules/.bin/protoc-gen-ts_proto

[ -x "$plugin" ] || { echo "generate: $plugin is missing; run \`npm install\` in $root" >&2; exit 1; }

google=$("$python" -c 'import google.rpc.status_pb2 as it, pathlib; print(pathlib.Path(it.__file__).parents[2])')
options=esModuleInterop=true,importSuffix=.js,env=node,forceLong=number,useDate=true
options=$options,outputServices=grpc-js,outputJsonMethods=false,outputPartialMethods=true
options=$options,annotateFilesWithVersion=false,oneof=properties

rm -rf "$out"
mkdir -p "$out"
"$python" -m grpc_tools.protoc --plugin=protoc-gen-ts_proto="$plugin" \
  --proto_path="$root/proto" --proto_path="$google" \
  --ts_proto_out="$out" --ts_proto_opt="$options" \
  "$root"/proto/stellwerk/v1/*.proto "$google"/google/rpc/status.proto "$google"/google/rpc/error_details.proto
