# Puts grpcurl, with which a test tries the administration page, into a folder of this checkout (.make/bin).
exec sh tools/go_install.sh grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl v1.9.3 "${1:-.make/bin}"
