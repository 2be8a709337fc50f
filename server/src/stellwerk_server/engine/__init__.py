"""The pure heart: commands in, events out, runs folded from events. No I/O, clock, randomness or asyncio."""
