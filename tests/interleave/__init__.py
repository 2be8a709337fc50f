"""Every order of the statements of two or three transactions on a real Postgres, with crashes and lost replies."""
