"""Two states of a repository compared, for people and programs: the formats of kgate diff, one a module."""
