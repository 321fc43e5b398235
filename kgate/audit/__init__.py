"""Native auditing: the policy of the API server, and the events that it writes."""
