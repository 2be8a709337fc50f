"""A whole server against a real Postgres and a real Valkey, spoken to over gRPC only."""
