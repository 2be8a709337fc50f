"""Style as a test: what STYLE asks for and no linter knows. It reads the source and must never import it."""
