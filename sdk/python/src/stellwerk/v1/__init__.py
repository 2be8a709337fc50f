"""Generated from proto/stellwerk/v1 by `make generate`; do not edit."""
