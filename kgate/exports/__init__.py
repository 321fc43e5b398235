"""What rules are turned into besides judgements."""
