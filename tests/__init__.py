"""Everything that is tested across packages; unit tests live beside their package."""
