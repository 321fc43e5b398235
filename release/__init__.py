"""What .github/workflows/release.yml does, but for what only GitHub can do; tests/test_release.py runs the same."""
