"""HTTP: routes of the servicers, live events, the dashboard's files. Decides nothing that gRPC does not decide."""
