"""What steers the gate, taken from where the judged change cannot alter it, and what the change would weaken."""
