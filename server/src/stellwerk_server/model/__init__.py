"""The words of the house as frozen values. Imports nothing of ours and does no I/O."""
