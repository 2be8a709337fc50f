"""The committer: commands of many callers in one transaction. The only place where engine and store meet."""
