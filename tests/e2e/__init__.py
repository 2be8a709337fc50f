"""The product as its users meet it: commands as programs of their own, against real servers."""
