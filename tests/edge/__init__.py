"""What no client of ours would send: bytes, frames, connections; and a bystander who must not notice."""
