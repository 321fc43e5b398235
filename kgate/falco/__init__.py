"""Rule files of Falco: read and checked as Falco's engine loads them."""
