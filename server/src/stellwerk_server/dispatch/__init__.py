"""Hands ready tasks to waiting polls, keeps the workers' lines, and tells waiters and watchers what was committed."""
