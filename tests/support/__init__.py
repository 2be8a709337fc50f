"""What tests of several packages share. Must not hold tests."""
