"""What rules are exported to: documentation and tables."""
