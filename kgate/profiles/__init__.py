"""What other programs would say, for those who come from them: each folder holds the rules of one as data."""
