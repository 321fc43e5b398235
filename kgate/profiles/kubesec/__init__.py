"""kubesec 2: its points, its order, its JSON and its exit codes."""
