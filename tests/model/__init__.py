"""The server's heart against real Postgres under random commands, with a clock the test holds."""
