"""The command line: starts servers, and talks to them only as any client would."""
