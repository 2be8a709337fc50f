"""The server of an earlier commit beside the one of this checkout, on one database."""
