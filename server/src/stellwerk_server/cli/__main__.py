"""`python -m stellwerk_server.cli` is `stellwerk`."""

from stellwerk_server.cli.app import main

if __name__ == "__main__":
    main()
