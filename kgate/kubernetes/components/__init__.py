"""The programs of a cluster and its nodes, and how they are set up, whatever kind of object says so."""
